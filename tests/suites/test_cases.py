"""The suite of a prompt, read from the files beside it."""

from __future__ import annotations

import json
from typing import Any

from registry.suites.cases import read_suite, wanted
from registry.suites.checks.check import Check
from registry.suites.digest import EMPTY, suite_digest
from registry.suites.problems import Place

PROMPT = b"""\
messages:
  - {role: user, content: "Screen this: {{message}}"}
testData:
  - {message: Hello, expected: allow}
evaluators:
  - {name: Exactly, string: {equals: "{{expected}}"}}
defaultTest:
  assert:
    - {type: latency, threshold: 4000}
"""
CASE = {
    "id": "late",
    "vars": {"message": "Where is it?"},
    "expected": "allow",
    "assert": [{"type": "not-contains", "value": "{{expected}}ed", "weight": 2}],
    "tags": ["parcel"],
    "source": {"call": "0193", "by": "ada"},
}


def lines(*cases: Any) -> bytes:
    """A file of cases."""
    return b"".join(json.dumps(case).encode() + b"\n" for case in cases)


def said(*cases: Any, prompt: bytes = PROMPT) -> list[str]:
    """The problems of cases beside a prompt, each with its place."""
    reading = read_suite("screen.prompt.yml", prompt, {"screen.cases.jsonl": lines(*cases)})
    return [str(problem) for problem in reading.problems]


def test_rows_and_lines_are_cases() -> None:
    """Rows are judged by the file's evaluators, lines by its default test and their own assertions."""
    suite, problems = read_suite("screen.prompt.yml", PROMPT, {"screen.cases.jsonl": lines(CASE)})

    assert (suite is not None, problems) == (True, ())
    assert suite is not None
    row, line = suite.cases
    assert (suite.prompt, row.id, row.vars) == ("screen", "row-1", {"message": "Hello", "expected": "allow"})
    assert row.checks == (Check("string", {"equals": "{{expected}}"}, name="Exactly"),)
    assert row.place == Place("screen.prompt.yml", 4, 5)
    assert line.checks == (
        Check("latency", threshold=4000),
        Check("contains", "{{expected}}ed", weight=2, negated=True),
    )
    assert (line.id, line.tags, line.source) == ("late", ("parcel",), {"call": "0193", "by": "ada"})
    assert line.values == {"message": "Where is it?", "expected": "allow"}
    assert line.place == Place("screen.cases.jsonl", 1)


def test_what_is_wrong_has_its_line() -> None:
    """A case that lacks a variable, an id twice, assertions that are not judged."""
    assert said(
        CASE,
        {**CASE, "vars": {}},
        {"id": "code", "vars": {"message": "x"}, "assert": [{"type": "javascript", "value": "output"}]},
    ) == [
        (
            "screen.cases.jsonl:2:2: error[duplicate_case]: the id 'late' is already in line 1; "
            "give one of them another id"
        ),
        "screen.cases.jsonl:2:16: error[case_variable]: the prompt needs message; add it to vars",
        (
            "screen.cases.jsonl:3:54: error[code_assertion]: javascript would run code or send answers "
            "elsewhere, which no check does; say it in other checks"
        ),
    ]


def test_a_rubric_is_a_file_of_the_prompts_folder() -> None:
    """It is asked for, put in, and part of the digest."""
    case = {**CASE, "assert": [{"type": "llm-rubric", "value": "file://rubrics/tone.md"}]}
    cases = {"screen.cases.jsonl": lines(case)}
    rubric = {"rubrics/tone.md": b"Polite."}

    assert wanted("screen.prompt.yml", PROMPT, {}) == ("screen.cases.jsonl",)
    assert wanted("screen.prompt.yml", PROMPT, cases) == ("rubrics/tone.md",)
    suite = read_suite("screen.prompt.yml", PROMPT, cases | rubric).suite
    assert suite is not None
    assert suite.cases[1].checks[1].value == "Polite."
    assert suite.digest == suite_digest(
        cases | rubric,
        '[{"expected":"allow","message":"Hello"}]',
        '[{"name":"Exactly","string":{"equals":"{{expected}}"}}]',
    )


def test_the_digest_is_that_of_the_contract() -> None:
    """Each path and its bytes, framed; then data of the prompt's file as canonical JSON, as it is written."""
    prompt = b'messages: [{role: user, content: hi}]\ntestData: [{b: 1.50, a: -1e3, c: "\xc3\xa9\\n"}]\n'
    suite = read_suite("a/b.prompt.yaml", prompt, {"a/b.cases.jsonl": b"\n"}).suite

    assert suite is not None
    # printf 'a/b.cases.jsonl\0001\000\ntestData\00032\000[{"a":-1e3,"b":1.50,"c":"é\\n"}]' | sha256sum
    assert suite.digest == "sha256:a9f692f534893d618de3e0f90afafa321bc4d34304b696b253d3cf34e6d50977"


def test_a_prompt_without_cases_has_an_empty_suite() -> None:
    """Whose digest is that of no bytes."""
    suite = read_suite("a.prompt.yml", b"messages: [{role: user, content: hi}]\n", {}).suite

    assert suite is not None
    assert (suite.cases, suite.digest) == ((), EMPTY)
