"""The sample repository that `make run` serves."""

from __future__ import annotations

import subprocess
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from prompts.build import SOURCE, build, history
from registry.catalog.parsing import lint
from registry.cli.main import app

if TYPE_CHECKING:
    from pathlib import Path


TAGS = [tag for commit in history() for tag in commit.tags]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, built once."""
    dest = tmp_path_factory.mktemp("sample") / "prompts"
    build(dest)
    return dest


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_is_the_same_repository_each_time(repository: Path, tmp_path: Path) -> None:
    """Two builds have the same commits and tags, down to their ids."""
    build(tmp_path / "again")

    assert git(repository, "show-ref") == git(tmp_path / "again", "show-ref")


def test_ignores_the_git_of_whoever_builds_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an identity nor a date of the surrounding environment gets in."""
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Somebody Else")
    build(tmp_path / "again")

    assert git(repository, "show-ref") == git(tmp_path / "again", "show-ref")


def test_leaves_a_folder_alone_that_holds_something(tmp_path: Path) -> None:
    """It never writes over what is there, and says what to do."""
    (tmp_path / "mine.txt").write_text("keep")

    with pytest.raises(FileExistsError, match="remove it, or name another folder"):
        build(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_every_tag_is_annotated_and_holds_its_file(repository: Path) -> None:
    """A tag's commit has the bytes of the version's file in the sample's source."""
    for commit in history():
        for tag in commit.tags:
            assert git(repository, "cat-file", "-t", tag.name).strip() == "tag"
            assert tag.content.decode() == git(repository, "show", f"{tag.name}:{tag.target}")


def test_every_file_is_some_version() -> None:
    """No version's file is left out of the history."""
    newest = {tag.prompt: tag for commit in history() for tag in commit.tags}

    assert set(SOURCE.rglob("*.prompt.yml")) == {tag.source for tag in newest.values()}
    assert all(tag.file is None for tag in newest.values())


def test_every_version_is_valid_without_a_warning() -> None:
    """What newcomers read first is as clean as a prompt file can be."""
    for tag in TAGS:
        assert not lint.check(tag.content, tag.target)


def test_the_check_of_a_fresh_clone_is_clean() -> None:
    """The first command of the README, where the README is."""
    done = CliRunner().invoke(app, ["check", str(SOURCE.parent)])

    assert (done.exit_code, done.stdout) == (0, "6 prompt files, 0 errors, 0 warnings\n")


def test_history_goes_forward(repository: Path) -> None:
    """Commits are in the order of their dates, and by several people."""
    dates = [datetime.fromisoformat(commit.at) for commit in history()]

    assert sorted(set(dates)) == dates
    assert len({commit.author for commit in history()}) >= 3


def test_three_prompts_have_several_versions(repository: Path) -> None:
    """Enough to stage: four versions of summarize, a new major version, and a pre-release."""
    tags = git(repository, "tag", "--list").split()
    versions = Counter(tag.rpartition("/v")[0] for tag in tags)

    assert len(versions) == 6
    assert {prompt: count for prompt, count in versions.items() if count > 1} == {
        "summarize": 4,
        "support/triage": 3,
        "support/reply": 3,
    }
    assert "support/reply/v2.0.0-rc.1" in tags


def test_leaves_a_clean_work_tree(repository: Path) -> None:
    """What is checked out is the newest commit."""
    assert git(repository, "status", "--porcelain") == ""
