"""What people mistype: values of options, a version in a name, the folder that is searched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from support import PromptRepository, prompt

from registry.cli.author import files

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("serve --port web", "'web' is no whole number; write digits alone"),
        ("serve --port 99999", "'99999' is too large; write 65535 or less"),
        ("eval --max-usd much", "'much' is no number; write one like 2 or 0.5"),
        ("eval --concurrency 0", "'0' is too small; write 1 or more"),
        ("check --format xml", "'xml' is not one of 'text', 'json', 'github', 'gitlab'."),
    ],
)
def test_a_value_that_an_option_cannot_have(cli: Cli, command: str, said: str) -> None:
    """The value is named, in plain words: neither "Value error," nor "Input should be"."""
    done = cli(*command.split())

    assert done.code == 2
    assert done.err.endswith(f": {said}\n")


@pytest.mark.parametrize("name", ["support/triage@1.0.0", "support/triage/v1.0.0", "support/triage@v1.0.0"])
def test_a_name_with_its_version(cli: Cli, name: str) -> None:
    """As log lines and tags write it; no prompt support/triage-1-0-0 is proposed."""
    assert f"{name!r} names a version, too; write support/triage and 1.0.0 apart\n" in cli("show", name).err


@pytest.mark.parametrize("version", ["1.0.0", "v1.0.0"])
def test_a_version_before_the_name(cli: Cli, version: str) -> None:
    """In the wrong order; no prompt 1-0-0 is proposed."""
    said = cli("start", version, "support/triage").err

    assert said.endswith(f"{version!r} is a version; name the prompt before it\n")


def test_a_repository_in_the_prompts_folder_is_not_part_of_this_one(
    cli: Cli, author: PromptRepository
) -> None:
    """A submodule, or a clone: no commit of this repository holds its files, so no registry serves them."""
    PromptRepository(author.path / "prompts/vendored").tag("mine", "1.0.0", "messages: 3\n")

    assert cli("check", cwd=author.path).out == "1 prompt file, 0 errors, 0 warnings\n"


def test_a_prompts_folder_that_is_a_repository_of_its_own(cli: Cli, tmp_path: Path) -> None:
    """Its prompts have their names there."""
    app = PromptRepository(tmp_path / "app")
    PromptRepository(app.path / "prompts").tag("summarize", "1.0.0", prompt())

    assert cli("check", cwd=app.path).err == (
        "Error: there is no prompt file in prompts; prompts is a git repository of its own; go there, and "
        "repeat this\n"
    )
    assert cli("check", cwd=app.path / "prompts").code == 0


@pytest.mark.parametrize(("ignored", "code"), [("", 1), ("prompts/support/\n", 0)])
def test_a_folder_that_cannot_be_read(
    cli: Cli, author: PromptRepository, monkeypatch: pytest.MonkeyPatch, ignored: str, code: int
) -> None:
    """All would be well with the prompts that are left; what git ignores is none of them."""
    (author.path / "prompts/support").mkdir()
    (author.path / ".gitignore").write_text(ignored)
    scandir = os.scandir

    def closed(folder: Any) -> Any:
        if str(folder).endswith("support"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", closed)
    done = cli("check", cwd=author.path)

    assert (done.code, done.err) == (code, "Error: prompts/support: Permission denied\n" if code else "")


def test_a_folder_that_is_too_large_to_be_searched(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home folder, or the root of a disk: the search would go on for minutes without a word."""
    monkeypatch.setattr(files, "FOLDERS_LIMIT", 2)
    (tmp_path / "a/b/c").mkdir(parents=True)

    done = cli("check")

    assert done.code == 1
    assert done.err.startswith(
        "Error: . has more than 2 folders, and is not searched; go to your prompts repos"
    )


ROWS = """\
testData: %s
evaluators:
  - {name: It says so, string: {contains: "yes"}}
"""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{text: a}", "1:11: error[case]: testData must be a list"),
        ("[a]", "1:12: error[case]: a row must be `variable: value` pairs"),
        ("[{txt: a}]", "1:12: error[case_variable]: the prompt needs text; add it to this row"),
    ],
)
def test_a_row_that_no_model_can_be_asked_for(
    cli: Cli, author: PromptRepository, data: str, said: str
) -> None:
    """It would be no case, or have no verdict, when its evaluators are to judge it."""
    (author.path / "prompts/summarize.prompt.yml").write_text(ROWS % data + prompt())

    assert f"prompts/summarize.prompt.yml:{said}" in cli("check", cwd=author.path).out


def test_rows_without_evaluators_are_there_to_try_things(cli: Cli, author: PromptRepository) -> None:
    """They need not be complete."""
    file = author.path / "prompts/summarize.prompt.yml"
    file.write_text("testData: [{txt: a}]\n" + prompt())

    assert cli("check", cwd=author.path).code == 0
