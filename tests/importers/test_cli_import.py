"""``promptstage import``, as people run it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cli.shell import Cli, commit
from support import PromptRepository, prompt

from registry.cli.imports import load

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


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"README.md": "x"}, "prompts/triage.prompt.yml"),
        ({".github/prompts/a.prompt.yml": prompt()}, ".github/prompts/triage.prompt.yml"),
        ({"a.prompt.yml": prompt()}, "triage.prompt.yml"),
        ({"promptstage.toml": '[prompts]\nfolder = "ai/my prompts"\n'}, "ai/my prompts/triage.prompt.yml"),
    ],
)
def test_prompts_go_where_others_are(cli: Cli, tmp_path: Path, files: dict[str, str], path: str) -> None:
    """By the settings, else beside the prompts that there are; also from a folder of the repository."""
    author = PromptRepository(tmp_path / "another")
    for name, content in files.items():
        commit(author, name, content)
    author.git("checkout", "--quiet", "--detach")
    inner = author.path / "below"
    inner.mkdir()
    done = cli("import", "dotprompt", "../../genkit", cwd=inner)

    assert done.code == 0, done.err
    assert author.git("show", "--name-only", "--format=", "triage/v1.0.0").split("\n") == [path]
    assert (author.path / path).exists()
    assert cli("check", cwd=author.path).code == 0


def test_excluded_places_are_refused(cli: Cli, author: PromptRepository) -> None:
    """There it would be no prompt."""
    commit(author, "promptstage.toml", '[prompts]\nexclude = ["triage.prompt.yml"]\n')
    done = cli("import", "dotprompt", "../genkit")

    assert done.code == 1
    assert "is no prompt by promptstage.toml; change exclude there" in " ".join(done.err.split())


def test_what_is_too_much_is_refused(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, all files together, and their number; pipes are not waited for."""
    os.mkfifo(tmp_path / "genkit/pipe.prompt")
    said = []
    for limit in ("FILE_LIMIT", "TOTAL_LIMIT", "FILES_LIMIT"):
        with monkeypatch.context() as patched:
            patched.setattr(load, limit, 1)
            said.append(" ".join(cli("import", "dotprompt", "../genkit").err.split()))

    assert ["is too large" in said[0], "is too large" in said[1], "more than 1 files" in said[2]] == [
        True
    ] * 3


def test_names_that_are_no_text(cli: Cli, tmp_path: Path) -> None:
    """A file system may have any bytes; what is left of them is a name, or there is none."""
    for name in (b"caf\xe9.prompt", b"\xff.prompt"):
        Path(os.fsdecode(os.fsencode(tmp_path / "genkit") + b"/" + name)).write_text("Hi")
    told = json.loads(cli("import", "dotprompt", "../genkit", "--json").out)

    assert [each["prompt"] for each in told["versions"]] == ["triage", "caf"]
    assert len(told["refused"]) == 2
