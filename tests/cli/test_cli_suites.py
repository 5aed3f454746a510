"""Suites where authors check and tag their prompts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import prompt

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli
    from support import PromptRepository

CASES = "prompts/summarize.cases.jsonl"
CASE = {"id": "late", "vars": {"text": "Where is it?"}, "assert": [{"type": "contains", "value": "carrier"}]}


def line(**changes: object) -> str:
    """A case with some keys changed."""
    return json.dumps({**CASE, **changes}) + "\n"


@pytest.fixture
def tagged(cli: Cli, author: PromptRepository) -> Cli:
    """A repository whose prompt is tagged with one case."""
    commit(author, CASES, line())
    cli.folder = author.path
    assert cli("tag", "summarize", "--yes").code == 0
    return cli


def test_cases_are_checked_with_their_prompt(cli: Cli, author: PromptRepository) -> None:
    """What is wrong has its line and column; the codes are those of the one list."""
    cli.folder = author.path
    (author.path / CASES).write_text(
        line() + line(vars={}) + line(id="code", **{"assert": [{"type": "python"}]})
    )

    done = cli("check")

    assert done.code == 1
    assert done.out == (
        "prompts/summarize.cases.jsonl:2:2: error[duplicate_case]: the id 'late' is already in line 1; give "
        "one of them another id\n"
        "prompts/summarize.cases.jsonl:2:16: error[case_variable]: the prompt needs text; add it to vars\n"
        "prompts/summarize.cases.jsonl:3:62: error[code_assertion]: python would run code or send answers "
        "elsewhere, which no check does; say it in other checks\n"
        "1 prompt file, 3 errors, 0 warnings\n"
    )


def test_a_comment_of_the_prompt_silences_a_code(cli: Cli, author: PromptRepository) -> None:
    """JSON has no comments, so it stands in the prompt's file."""
    cli.folder = author.path
    (author.path / CASES).write_text(json.dumps({"id": "open", "vars": {"text": "Hello"}}))

    assert "warning[no_checks]" in cli("check").out

    (author.path / "prompts/summarize.prompt.yml").write_text("# promptstage: ignore no_checks\n" + prompt())
    assert cli("check", "--strict").code == 0


def test_a_secret_in_a_case_is_an_error(cli: Cli, author: PromptRepository) -> None:
    """Cases come from production, and git keeps them for ever."""
    cli.folder = author.path
    (author.path / CASES).write_text(line(vars={"text": "My key is AKIAABCDEFGHIJKLMNOP"}))

    done = cli("check")

    assert (done.code, "error[secret]" in done.out, "AKIAABCDEFGHIJKLMNOP" in done.out) == (1, True, False)


def test_a_link_in_place_of_cases(cli: Cli, author: PromptRepository, tmp_path: Path) -> None:
    """It is not followed."""
    cli.folder = author.path
    (tmp_path / "elsewhere").write_text(line())
    (author.path / CASES).symlink_to(tmp_path / "elsewhere")

    assert "error[unreadable]: this file is a symbolic link; put a file there" in cli("check").out


def test_cases_without_a_prompt(cli: Cli, author: PromptRepository) -> None:
    """A misspelt name would be a suite that nobody runs."""
    cli.folder = author.path
    (author.path / "prompts/sumarize.cases.jsonl").write_text(line())

    done = cli("check")

    assert done.out == (
        "prompts/sumarize.cases.jsonl:1:1: warning[stray_cases]: there is no prompt sumarize here; did you "
        "mean summarize.cases.jsonl?\n"
        "1 prompt file, 0 errors, 1 warning\n"
    )


@pytest.mark.parametrize("command", [("tag", "summarize"), ("tag", "--changed")])
def test_changed_cases_are_a_patch(tagged: Cli, author: PromptRepository, command: tuple[str, ...]) -> None:
    """Beside an unchanged prompt; unchanged ones are nothing to tag."""
    before = tagged(*command, "--yes")
    assert "nothing to tag" in before.out + before.err
    commit(author, CASES, line() + line(id="lost"))

    done = tagged(*command, "--yes")

    assert done.code == 0
    assert "summarize 1.0.0 -> 1.0.1, a patch version\n  patch: it changes its cases\n" in done.out
    assert "summarize/v1.0.1" in author.git("tag", "--list").split()
    after = tagged(*command, "--yes")
    assert "nothing to tag" in after.out + after.err


def test_a_changed_rubric_is_a_patch(tagged: Cli, author: PromptRepository) -> None:
    """It is part of the suite, though no line of the cases differs."""
    rubric = [{"type": "llm-rubric", "value": "file://rubrics/tone.md"}]
    (author.path / "prompts/rubrics").mkdir()
    (author.path / "prompts/rubrics/tone.md").write_text("Polite.")
    commit(author, CASES, line(**{"assert": rubric}))
    assert tagged("tag", "--changed", "--yes").code == 0
    commit(author, "prompts/rubrics/tone.md", "Polite, and brief.")

    assert "summarize 1.0.1 -> 1.0.2, a patch version" in tagged("tag", "--changed", "--yes").out


@pytest.mark.parametrize("command", [("tag", "summarize"), ("tag", "--changed")])
def test_cases_that_are_not_committed(
    tagged: Cli, author: PromptRepository, command: tuple[str, ...]
) -> None:
    """A version would not have them."""
    (author.path / CASES).write_text(line(id="new"))

    done = tagged(*command, "--yes")

    assert done.code == 1
    assert "summarize.cases.jsonl" in done.out + done.err
    assert "differs from what HEAD holds; git add" in done.out + done.err


@pytest.mark.parametrize("command", [("tag", "summarize"), ("tag", "--changed")])
def test_wrong_cases_make_no_version(tagged: Cli, author: PromptRepository, command: tuple[str, ...]) -> None:
    """As the check says it."""
    commit(author, CASES, line(vars={}))

    done = tagged(*command, "--yes")

    assert done.code == 1
    assert f"{CASES}:1:16: error[case_variable]" in done.out
    assert author.git("tag", "--list").split() == ["summarize/v1.0.0"]


def test_the_messages_of_a_case(tagged: Cli, author: PromptRepository) -> None:
    """By its id, as the worktree and as a version have it, with the values of the default test."""
    commit(author, CASES, line(vars={"text": "Where is it now?"}))

    assert "Summarize Where is it now?" in tagged("render", "summarize", "--case", "late").out
    assert "Summarize Where is it?" in tagged("render", "summarize", "1.0.0", "--case", "late").out
    assert "there is no case lost: summarize.cases.jsonl has late; name one" in (
        tagged("render", "summarize", "--case", "lost").err
    )
