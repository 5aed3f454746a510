"""``promptstage import``, as people run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cli.shell import Cli
from support import PromptRepository

if TYPE_CHECKING:
    from pathlib import Path

TRIAGE = """\
---
model: googleai/gemini-2.5-flash
my.key: 1
---
{{role "system"}}You sort mail.{{role "user"}}{{message}}
"""


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """A repository with a prompt, and a folder of another tool beside it."""
    repository = PromptRepository(tmp_path / "prompts-repository")
    repository.tag("summarize", "1.0.0")
    source = tmp_path / "genkit"
    source.mkdir()
    (source / "Triage.prompt").write_text(TRIAGE)
    (source / "list.prompt").write_text("{{#each items}}{{this}}{{/each}}")
    return repository


@pytest.fixture
def cli(author: PromptRepository) -> Cli:
    """The command line in it."""
    return Cli(author.path)


def test_a_dry_run_writes_nothing(cli: Cli, author: PromptRepository) -> None:
    """It shows each version, what is left out of it, and what is refused."""
    before = author.git("show-ref")
    done = cli("import", "dotprompt", "../genkit", "--dry-run")

    assert (done.code, author.git("show-ref"), author.git("status", "--porcelain")) == (0, before, "")
    assert "triage" in done.out
    assert "its first version" in done.out
    assert "without --dry-run 1 version of 1 prompt would be" in done.out
    assert "leaves out the key my.key" in done.err
    assert "Note: list.prompt is not imported: '{{#each items}}' is logic" in done.err


def test_an_import_is_committed_and_tagged(cli: Cli, author: PromptRepository) -> None:
    """And says what comes next; the second time there is nothing to do."""
    done = cli("import", "dotprompt", "../genkit", "--prefix", "imported")
    assert (done.code, author.git("status", "--porcelain")) == (0, "")
    assert "promptstage promote imported/triage 1.0.0" in done.out
    assert "imported/triage/v1.0.0" in author.git("tag").split()

    again = cli("import", "dotprompt", "../genkit", "--prefix", "imported")
    assert again.code == 0
    assert "1 version of the source is here already" in again.err


def test_the_outcome_for_a_program(cli: Cli, author: PromptRepository) -> None:
    """Every version with its commit, and what was refused."""
    told = json.loads(cli("import", "dotprompt", "../genkit", "--json").out)

    (version,) = told["versions"]
    assert version["commit"] == author.git("rev-parse", "HEAD")
    assert (version["tag"], version["left_out"]) == ("triage/v1.0.0", ["the key my.key"])
    assert [each["name"] for each in told["refused"]] == ["list.prompt"]
    assert told["written"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("dotprompt", "../nowhere"), 1, "there is no file or folder ../nowhere"),
        (("dotprompt", ".git"), 1, "has no file whose name ends in .prompt"),
        (("dotprompt", "../genkit/list.prompt"), 1, "nothing could be imported from ../genkit/list.prompt"),
        (("excel", "../genkit"), 2, "choose one of dotprompt"),
        (("dotprompt", "../genkit", "--prefix", "../x"), 2, "is no prompt's name"),
    ],
)
def test_what_goes_wrong_says_what_to_do(cli: Cli, arguments: tuple[str, ...], code: int, said: str) -> None:
    """With the exit codes of the other commands."""
    done = cli("import", *arguments)

    assert done.code == code
    assert said in " ".join(done.err.split())


def test_a_repository_without_a_commit(cli: Cli, tmp_path: Path) -> None:
    """There is nothing to build on; the remedy works."""
    empty = PromptRepository(tmp_path / "empty")
    done = cli("import", "dotprompt", "../genkit", cwd=empty.path)
    assert done.code == 1
    assert "git commit --allow-empty -m Begin" in done.err

    empty.git("commit", "--allow-empty", "-m", "Begin")
    assert cli("import", "dotprompt", "../genkit", cwd=empty.path).code == 0
    assert (empty.path / "prompts/triage.prompt.yml").exists()


def test_links_and_hidden_files_are_not_read(cli: Cli, tmp_path: Path) -> None:
    """A source may be somebody else's; nothing outside of it comes in."""
    (tmp_path / "secret.prompt").write_text("secret")
    (tmp_path / "genkit/link.prompt").symlink_to(tmp_path / "secret.prompt")
    (tmp_path / "genkit/.hidden.prompt").write_text("hidden")

    told = json.loads(cli("import", "dotprompt", "../genkit", "--dry-run", "--json").out)

    assert [each["source"] for each in told["versions"]] == ["Triage.prompt"]
