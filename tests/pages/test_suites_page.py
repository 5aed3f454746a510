"""What the page on suites shows: files that the check takes, examples of checks, and a digest."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from itertools import pairwise
from typing import TYPE_CHECKING, get_args

import pytest
from cli.shell import Cli
from pages import running
from pages.markdown import blocks, read

from registry.policies import file as policies
from registry.suites import assertions, case_fields, case_lines
from registry.suites.attestation import KEPT
from registry.suites.cases import digest_of
from registry.suites.checks.check import Answer
from registry.suites.checks.formats import FORMATS
from registry.suites.checks.github import BUILT_IN, STRINGS
from registry.suites.checks.judge import judge
from registry.suites.checks.vocabulary import CODE, KINDS
from registry.suites.checks.worker import LIMIT_SECONDS
from registry.suites.run import report
from registry.suites.run.comparison import Outcome
from registry.suites.run.failure import Failed, Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from registry.suites.problems import Fault

PAGE = "docs/suites.md"
FIRST, ROWS = (block.text for block in blocks(PAGE, "yaml"))
CASES, RUBRIC = (block.text for block in blocks(PAGE, "json"))
*_, DIGEST = (block.text for block in blocks(PAGE, "sh"))
ANSWERS = {  # by type, one that passes the example, and one that does not
    "equals": ("Paris", "Paris."),
    "contains": ("It says E-4012.", "It says e-4012."),
    "icontains": ("No Refund.", "No."),
    "contains-all": ("88213 and 88214", "88213"),
    "contains-any": ("On Monday", "On Tuesday"),
    "icontains-all": ("Next step: call. Wants: money.", "Next step: call."),
    "icontains-any": ("Please Log in.", "Please register."),
    "starts-with": ("Next step: call.", "The next step: call."),
    "regex": ("order 88213", "order 882130"),
    "is-json": ('{"queue": "bug"}', "{}"),
    "contains-json": ("Here: {}", "Here: []"),
    "levenshtein": ("Allow.", "Allowed"),
    "is-valid-openai-tools-call": ("", ""),
    "llm-rubric": ("Sorry.", ""),
}
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"required": ["number"]}}}]


def write(folder: Path, prompt: str, cases: str) -> None:
    """A repository of one prompt, with cases and the rubric of the page."""
    (folder / "prompts/rubrics").mkdir(parents=True)
    (folder / "prompts/rubrics/summary.md").write_text("Says what happens next.")
    (folder / "prompts/greet.prompt.yml").write_text(prompt)
    (folder / "prompts/greet.cases.jsonl").write_text(cases)


@pytest.mark.parametrize(("prompt", "cases"), [(FIRST, CASES), (ROWS, ""), (FIRST, RUBRIC)])
def test_what_is_shown_is_clean(tmp_path: Path, prompt: str, cases: str) -> None:
    """The check has nothing to say about the files of the page."""
    write(tmp_path, prompt, cases)

    assert Cli(tmp_path)("check", "--strict").out == "1 prompt file, 0 errors, 0 warnings\n"


@pytest.mark.parametrize("name", ANSWERS)
def test_the_example_of_a_check(name: str) -> None:
    """It is read without a fault, and tells a right answer from a wrong one."""
    faults: list[Fault] = []
    (check,) = assertions.read([{"type": name, **KINDS[name].example}], TOOLS, faults)
    call = {"type": "function", "function": {"name": "find", "arguments": '{"number": "1"}'}}
    calls = [(call,), ()] if name == "is-valid-openai-tools-call" else [(), ()]
    replies = ('{"pass": true, "score": 0.7}', '{"pass": true, "score": 0.6}')
    verdicts = [
        judge(check, Answer(text, tool_calls), vars={}, rubric=lambda _, reply=reply: reply)  # type: ignore[misc]
        for text, tool_calls, reply in zip(ANSWERS[name], calls, replies, strict=True)
    ]

    assert faults == []
    assert [verdict.passed for verdict in verdicts] == [True, False], verdicts


def test_the_examples_are_all() -> None:
    """Latency and cost have no text; their examples are read, too."""
    measured = [{"type": name, **KINDS[name].example} for name in ("latency", "cost")]
    faults: list[Fault] = []

    assert set(ANSWERS) | {"latency", "cost"} == set(KINDS)
    assert len(assertions.read(measured, (), faults)) == 2
    assert faults == []


def test_the_page_names_what_there_is() -> None:
    """Keys of a case, evaluators, formats, refused types, limits."""
    page = read(PAGE)
    rows = re.findall(r"^\| `([^`]+)` \|", page.partition("## Rows")[0], re.MULTILINE)

    assert set(rows) == set(case_fields._CASE)
    for name in (*STRINGS, *BUILT_IN, *FORMATS, *CODE, *assertions._UNREAD[:1], *assertions._KEYS):
        assert f"`{name}`" in page, name
    assert f"at most {case_lines.CASES_LIMIT:,} cases, and a case {case_lines.LINE_SIZE >> 10} KiB" in page
    assert (LIMIT_SECONDS, "two seconds of processor time" in page) == (2, True)


def test_the_digest_can_be_computed_by_hand(tmp_path: Path) -> None:
    """The command of the page prints it."""
    write(tmp_path, FIRST, CASES)
    printed = running.shell(DIGEST, tmp_path, running.environment(tmp_path)).split()[0]

    assert f"sha256:{printed}" == digest_of(
        "greet.prompt.yml", FIRST.encode(), {"greet.cases.jsonl": CASES.encode()}
    )


def test_lines_are_one_case_each() -> None:
    """As a reader would copy them."""
    cases = [json.loads(line) for line in CASES.splitlines()]

    assert all(one["id"] != other["id"] for one, other in pairwise(cases))


def test_the_options_of_eval_are_those_of_the_command(tmp_path: Path) -> None:
    """Each one that is the command's own."""
    told = set(re.findall(r"--[a-z-]+", read(PAGE)))
    known = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", Cli(tmp_path)("eval", "--help").out, re.MULTILINE))

    assert known - told <= {"--environment", "--output", "--help", "--json"}
    assert "--repeat" in known


def test_every_key_of_the_report_is_named() -> None:
    """With all its values that are words."""
    table = read(PAGE).partition("## The report as JSON")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", table))
    parts = (report.Report, report.PromptReport, report.VersionReport, report.CaseReport, report.CaseSide)
    keys = {field.name for part in (*parts, Failed, Trouble) for field in fields(part)}

    assert keys <= named
    assert {*get_args(report.Result), *Outcome} <= named


def test_the_rule_of_the_gate_is_one(tmp_path: Path) -> None:
    """The same on the page for operators; the registry reads it."""
    (rule,) = (block.text for block in blocks(PAGE, "toml"))
    (tmp_path / "rules.toml").write_text(rule)
    suite = policies.read(tmp_path / "rules.toml", ["production"]).of("production").suite

    assert (suite.required, suite.max_age, suite.attesters) == (True, "90d", ("ci",))
    assert rule in [block.text for block in blocks("docs/operating.md", "toml")]
    assert f"the last {KEPT} are kept for the gate" in read("docs/trust.md")
