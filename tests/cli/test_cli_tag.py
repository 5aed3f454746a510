"""``promptstage tag``: a version is what HEAD holds, and only if it is fit to be served."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import prompt

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli
    from support import PromptRepository


@pytest.fixture
def tag(cli: Cli, author: PromptRepository) -> Cli:
    """The command line in the author's repository."""
    cli.folder = author.path
    return cli


def tags(author: PromptRepository) -> list[str]:
    """The tags that there are."""
    return author.git("tag", "--list").split()


def test_the_first_version_is_1_0_0(tag: Cli, author: PromptRepository) -> None:
    """Whatever part was asked to rise."""
    done = tag("tag", "summarize", "--patch")

    assert done.out.startswith("Tagged summarize/v1.0.0\n")
    assert author.git("cat-file", "-t", "summarize/v1.0.0") == "tag"


@pytest.mark.parametrize(
    ("option", "version"), [("--major", "2.0.0"), ("--minor", "1.3.0"), ("--patch", "1.2.4"), (None, "1.2.4")]
)
def test_the_next_version(tag: Cli, author: PromptRepository, option: str | None, version: str) -> None:
    """It follows the highest release of this prompt: neither a pre-release nor another prompt counts."""
    for made in ("summarize/v1.2.3", "summarize/v1.1.9", "summarize/v3.0.0-rc.1", "summarize/long/v7.0.0"):
        author.git("tag", made)

    tag("tag", "summarize", *([option] if option else []))

    assert f"summarize/v{version}" in tags(author)


def test_a_version_of_ones_own(tag: Cli, author: PromptRepository) -> None:
    """Such as a pre-release."""
    assert tag("tag", "summarize", "--version", "2.0.0-rc.1").code == 0
    assert tags(author) == ["summarize/v2.0.0-rc.1"]


def test_a_version_is_never_made_twice(tag: Cli, author: PromptRepository) -> None:
    """The next one is proposed."""
    author.git("tag", "summarize/v1.0.0")

    done = tag("tag", "summarize", "--version", "1.0.0")

    assert done.code == 1
    assert "1.0.0 is tagged already, and a version never changes; the next one is 1.0.1" in done.err


def test_the_message_is_the_last_commits_unless_one_is_given(tag: Cli, author: PromptRepository) -> None:
    """It is what the registry shows beside the version."""
    tag("tag", "summarize")
    tag("tag", "summarize", "-m", "Shorter")

    messages = author.git("for-each-ref", "--format=%(contents:subject)", "refs/tags").splitlines()
    assert messages == ["Write prompts/summarize.prompt.yml", "Shorter"]


@pytest.mark.parametrize("staged", [False, True])
def test_what_is_not_committed_is_not_tagged(tag: Cli, author: PromptRepository, *, staged: bool) -> None:
    """The author would see one text, and everybody else would get another."""
    (author.path / "prompts/summarize.prompt.yml").write_text(prompt("new {{text}}"))
    if staged:
        author.git("add", "--all")

    done = tag("tag", "summarize")

    assert (done.code, tags(author)) == (1, [])
    assert "git commit it first" in done.err


def test_another_file_may_be_unfinished(tag: Cli, author: PromptRepository) -> None:
    """Only the file of this prompt matters."""
    (author.path / "prompts/other.prompt.yml").write_text("draft")

    assert tag("tag", "summarize").code == 0


def test_a_prompt_in_githubs_own_folder(tag: Cli, author: PromptRepository) -> None:
    """It is tagged where it is, if there is no prompts folder."""
    author.git("rm", "-r", "--quiet", "prompts")
    commit(author, ".github/prompts/review.prompt.yml", prompt())

    assert tag("tag", "review").code == 0


def test_a_broken_file_is_not_tagged(tag: Cli, author: PromptRepository) -> None:
    """The author is told where it is broken."""
    commit(author, "prompts/summarize.prompt.yml", "messages: 3\n")

    done = tag("tag", "summarize")

    assert (done.code, tags(author)) == (1, [])
    assert "prompts/summarize.prompt.yml:1:11: error: messages must be a list" in done.out


def test_a_prompt_that_is_not_there(tag: Cli) -> None:
    """The path at which it would be is named."""
    assert "prompts/support/reply.prompt.yml is not in HEAD" in tag("tag", "support/reply").err


def test_both_suffixes_in_head(tag: Cli, author: PromptRepository) -> None:
    """The registry could not serve it either."""
    commit(author, "prompts/summarize.prompt.yaml", prompt())

    assert "are both in HEAD; git rm one" in tag("tag", "summarize").err


def test_from_a_folder_further_down(cli: Cli, author: PromptRepository) -> None:
    """Wherever the author is within the repository."""
    assert cli("tag", "summarize", cwd=author.path / "prompts").code == 0


def test_outside_of_a_repository(cli: Cli) -> None:
    """It says how to get one."""
    done = cli("tag", "summarize")

    assert done.code == 1
    assert "is in no git worktree" in done.err


@pytest.mark.parametrize(
    "arguments", [["--major", "--minor"], ["--patch", "--version", "1.0.0"], ["--version", "1.0"]]
)
def test_contradictions_are_usage_errors(tag: Cli, arguments: list[str]) -> None:
    """Nothing is guessed."""
    assert tag("tag", "summarize", *arguments).code == 2


def test_push_publishes_this_tag_only(tag: Cli, author: PromptRepository, tmp_path: Path) -> None:
    """The branch, and other tags, are the author's business."""
    upstream = tmp_path / "upstream.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(upstream)], check=True)
    author.git("remote", "add", "origin", str(upstream))
    author.git("tag", "private")

    assert tag("tag", "summarize", "--push").out.endswith("Pushed it to origin\n")
    assert author.git("ls-remote", "--refs", "origin").split()[1:] == ["refs/tags/summarize/v1.0.0"]


def test_the_branchs_own_remote_is_preferred(tag: Cli, author: PromptRepository) -> None:
    """The line to copy names it, too."""
    author.git("config", "branch.main.remote", "company")

    assert "git push company refs/tags/summarize/v1.0.0" in tag("tag", "summarize").out


def test_a_push_that_fails_leaves_the_tag(tag: Cli, author: PromptRepository) -> None:
    """It says so, with git's own reason and the way to repeat it."""
    done = tag("tag", "summarize", "--push")

    assert (done.code, tags(author)) == (1, ["summarize/v1.0.0"])
    assert "'origin' does not appear to be a git repository" in done.err
    assert "try again:  git push origin refs/tags/summarize/v1.0.0" in done.err
