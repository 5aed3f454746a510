"""``promptstage init``: from nothing to a repository that can be served."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_new_repository_passes_its_own_check(cli: Cli, tmp_path: Path) -> None:
    """Everything is committed, and every file is fit to be served."""
    assert cli("init", "prompts").code == 0

    assert cli("check", cwd=tmp_path / "prompts").out == "2 prompt files, 0 errors, 0 warnings\n"
    assert git(tmp_path / "prompts", "status", "--porcelain") == ""


def test_both_samples_have_an_annotated_first_version(cli: Cli, tmp_path: Path) -> None:
    """So that a registry has something to serve at once."""
    cli("init", "prompts")
    found = git(
        tmp_path / "prompts", "for-each-ref", "--format=%(refname:strip=2) %(objecttype)", "refs/tags"
    )

    assert found == "summarize/v1.0.0 tag\nsupport/triage/v1.0.0 tag\n"


def test_the_workflow_checks_every_push(cli: Cli, tmp_path: Path) -> None:
    """A file that is broken never gets into the main branch unnoticed."""
    cli("init", "prompts")
    workflow = yaml.safe_load((tmp_path / "prompts/.github/workflows/prompts.yml").read_text())

    assert {"run": "promptstage check"} in workflow["jobs"]["check"]["steps"]


def test_it_says_what_to_do_next(cli: Cli) -> None:
    """The next two commands can be copied."""
    out = cli("init", "prompts").out

    assert "  promptstage serve --repository prompts\n" in out
    assert "  promptstage promote summarize 1.0.0\n" in out


def test_the_current_folder_will_do_if_it_is_empty(cli: Cli, tmp_path: Path) -> None:
    """As with `git init`."""
    assert cli("init").code == 0
    assert (tmp_path / "prompts/summarize.prompt.yml").is_file()


def test_it_leaves_a_folder_alone_that_holds_something(cli: Cli, tmp_path: Path) -> None:
    """Nothing is written over, and nothing is added."""
    (tmp_path / "notes.txt").write_text("mine")

    done = cli("init")

    assert (done.code, done.out) == (1, "")
    assert "is not an empty folder; name another" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_author_whom_git_does_not_know(cli: Cli, tmp_path: Path) -> None:
    """It is told how to introduce oneself before anything is made."""
    for person in ("AUTHOR", "COMMITTER"):
        cli.environment |= {f"GIT_{person}_NAME": "", f"GIT_{person}_EMAIL": ""}

    done = cli("init", "prompts", EMAIL="")

    assert done.code == 1
    assert "git config --global user.name" in done.err
    assert not (tmp_path / "prompts").exists()
