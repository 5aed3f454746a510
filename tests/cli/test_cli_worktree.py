"""What the commands of authors ask git."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import GIT, PromptRepository

from registry.cli.author import tagged, worktree
from registry.errors import GitFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)


def test_many_contents_at_once(author: PromptRepository) -> None:
    """Bytes as they are, and nothing for what is no file, or is not there."""
    commit(author, "odd.txt", "\0 missing\nblob 3\n")
    commit(author, "empty.txt", "")
    places = ["HEAD:odd.txt", "HEAD:no such file", "HEAD:prompts", "HEAD:empty.txt", "nonsense:x 3"]

    assert worktree.contents(author.path, places) == [b"\0 missing\nblob 3\n", None, None, b"", None]


def test_contents_of_a_folder_without_git(tmp_path: Path) -> None:
    """It is git's own reason that is told."""
    with pytest.raises(GitFailed, match="not a git repository"):
        worktree.contents(tmp_path, ["HEAD:x"])


def test_a_version_is_found_where_its_prompts_were(author: PromptRepository) -> None:
    """An older tag may have them in another folder."""
    author.git("mv", "prompts", "before")
    commit(author, ".github/prompts/reply.prompt.yaml", "older")
    author.git("tag", "reply/v1.0.0")
    author.tag("reply", "2.0.0", "newer")
    versions = tagged.versions(worktree.tags(author.path))["reply"]

    files = tagged.read(author.path, [("reply", versions["2.0.0"]), ("reply", versions["1.0.0"])])

    assert files == [b"newer", b"older"]


def test_a_worktree_is_found_from_within(author: PromptRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not where there is none, or no git."""
    assert worktree.find(author.path / "prompts") == author.path
    assert worktree.find(author.path.parent) is None
    monkeypatch.setenv("PATH", os.devnull)
    assert worktree.find(author.path) is None


@pytest.mark.parametrize("find", [worktree.find, worktree.top])
def test_a_line_that_git_cannot_read_is_told(
    author: PromptRepository, find: Callable[[Path], Path | None]
) -> None:
    """A worktree is there: nobody is told to make one, and nothing is taken for a folder outside of git."""
    author.git("config", "core.abbrev", "many")

    with pytest.raises(GitFailed, match=r"bad numeric config value 'many' for 'core.abbrev'"):
        find(author.path)


def test_a_subject_is_read_whatever_the_terminal_shows(author: PromptRepository) -> None:
    """Git writes a log in the encoding that is set for it."""
    commit(author, "prompts/greeting.txt", "x")
    author.git("commit", "--quiet", "--amend", "-m", "größer ✓")
    author.git("config", "i18n.logOutputEncoding", "ISO-8859-1")

    assert worktree.subject(author.path, "prompts/greeting.txt") == "größer ✓"
    assert worktree.subjects(author.path, "prompts")["prompts/greeting.txt"] == "größer ✓"


def test_git_speaks_its_own_language(author: PromptRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some of its words are compared, whatever the author's language is."""
    monkeypatch.setenv("LANGUAGE", "de")

    assert worktree.tell(author.path, "-c", "alias.say=!echo $LANGUAGE", "say") == b"C"
