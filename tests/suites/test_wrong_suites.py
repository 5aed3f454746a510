"""Suites that are wrong in any way: said, never a traceback, and never slow."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import DocumentInvalid
from registry.suites import case_lines
from registry.suites.cases import Reading, read_suite
from registry.suites.checks.check import Answer
from registry.suites.checks.judge import judge
from registry.suites.checks.vocabulary import EVALUATORS, KINDS

PROMPT = "messages: [{role: user, content: '{{message}}'}]\n"
CASE = {"id": "a", "vars": {"message": "hi"}, "assert": [{"type": "contains", "value": "a"}]}
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ODD_TEXTS = st.sampled_from(
    ["{{message}}", "{{", "{{nope.x}}", "file://", "file://../x", "file://x.md", "(", "[", "\ud83d", "a\nb"]
)
LOOSE = VALUES | ODD_TEXTS
TYPES = st.sampled_from(
    [*KINDS, *(f"not-{kind}" for kind in KINDS), "javascript", "not-", "similar:cosine", ""]
)
ASSERTIONS = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | LOOSE,
        "value": LOOSE,
        "threshold": LOOSE,
        "weight": LOOSE,
        "metric": LOOSE,
        "config": LOOSE,
    },
)
CASES = st.fixed_dictionaries(
    {},
    optional={
        "vars": LOOSE | st.fixed_dictionaries({"message": LOOSE}),
        "assert": LOOSE | st.lists(ASSERTIONS | LOOSE, max_size=2),
        **dict.fromkeys(("id", "expected", "tags", "source", "threshold", "description"), LOOSE),
    },
)
STRINGS = st.sampled_from(["equals", "contains", "startsWith", "endsWith"])
CHOICES = {"choices": st.lists(LOOSE), "modelId": LOOSE}
EVALUATOR = st.fixed_dictionaries(
    {},
    optional={
        "name": LOOSE,
        "uses": LOOSE | st.just("github/similarity"),
        "string": LOOSE | st.dictionaries(STRINGS, LOOSE),
        "llm": LOOSE | st.fixed_dictionaries({"prompt": LOOSE}, optional=CHOICES),
    },
)


def read(lines: bytes, prompt: str = PROMPT) -> Reading:
    """The suite of a prompt with these lines beside it."""
    return read_suite("p.prompt.yml", prompt.encode(), {"p.cases.jsonl": lines, "x.md": b"Polite."})


def judged(reading: Reading) -> None:
    """Judge an answer by each check of a suite, if there is one."""
    for case in reading.suite.cases if reading.suite else ():
        for check in case.checks:
            answer = Answer("some {answer}", latency_ms=1, cost=0.1)
            judge(check, answer, vars=case.values, rubric=lambda _: '{"pass": true}')


@settings(max_examples=300, deadline=None)
@given(st.lists(CASES | VALUES, max_size=3))
def test_any_values_in_lines(cases: list[Any]) -> None:
    """Wrong types everywhere: each is a problem in its line, or is judged."""
    lines = [json.dumps(case).encode() for case in cases]
    reading = read(b"\n".join(lines))

    assert all(0 < problem.place.line <= max(len(lines), 1) for problem in reading.problems)
    judged(reading)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    """A file of cases that is none."""
    judged(read(content))


@settings(max_examples=200, deadline=None)
@given(
    LOOSE | st.lists(EVALUATOR | LOOSE, max_size=2),
    LOOSE | st.fixed_dictionaries({"assert": LOOSE | st.lists(ASSERTIONS, max_size=2)}),
)
def test_any_values_in_the_prompts_file(evaluators: Any, default: Any) -> None:
    """Evaluators and the default test, which YAML holds as JSON does."""
    data = {"testData": [{"message": "hi", "n": 1}], "evaluators": evaluators, "defaultTest": default}
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in data.items())

    with suppress(DocumentInvalid):
        judged(read(json.dumps(CASE).encode(), PROMPT + text))


def test_evaluators_have_kinds() -> None:
    """The strategies above know them all."""
    assert set(EVALUATORS) == {"string", "llm", "uses"}


def said(lines: bytes) -> list[str]:
    """What is wrong with lines."""
    return [str(problem) for problem in read(lines).problems]


def test_too_many_cases() -> None:
    """The first one that is too many is named, and no more are read."""
    lines = b"".join(json.dumps({**CASE, "id": f"c{n}"}).encode() + b"\n" for n in range(100_000))

    (problem,) = said(lines)
    assert problem == (
        f"p.cases.jsonl:{case_lines.CASES_LIMIT + 1}:1: error[too_many_cases]: these are more than 20000 "
        "cases; keep the ones that tell you most"
    )


def test_a_case_of_a_megabyte() -> None:
    """It is named with its size, and the others are read."""
    large = json.dumps({**CASE, "id": "large", "vars": {"message": "x" * (1 << 20)}}).encode()

    assert said(json.dumps(CASE).encode() + b"\n" + large) == [
        "p.cases.jsonl:2:1: error[case_too_large]: this case has 1024 KiB; keep it below 256 KiB"
    ]


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        (b'{"id": "a", "id": "b"}', 1, "duplicate_key"),
        (b'{"id": NaN}', 1, "case"),
        (b'{"id": 1e999}', 1, "case"),
        (b'{"id": "\\ud800"}', 1, "case"),
        (b'{"id": "caf\xe9"}', 12, "not_utf8"),
        (b'{"id": ' + b"[" * 70 + b"]" * 70 + b"}", 1, "too_deep"),
        (b"[" * 100_000, 1, "case"),
        (b'{"id": ' + b"9" * 5000 + b"}", 1, "case"),
        (b"[]", 1, "case"),
        (b"{", 2, "case"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_case(line: bytes, column: int, code: str) -> None:
    """One problem, at its place."""
    (problem,) = read(line).problems

    assert (problem.place.line, problem.place.column, problem.code) == (1, column, code)


def test_a_schema_is_never_fetched() -> None:
    """A reference out of it is an error where cases are checked."""
    schema = {"$ref": "https://example.org/schema.json"}
    case = {**CASE, "assert": [{"type": "is-json", "value": schema}]}

    assert (
        "error[schema]: this is no JSON Schema: 'https://example.org/schema.json' is not fetched"
        in said(json.dumps(case).encode())[0]
    )


def test_ten_thousand_cases_are_read_in_two_seconds() -> None:
    """With their checks, and each rendered; by the time of the processor, so that others do not count."""
    checks = [{"type": "contains", "value": "{{message}}"}, {"type": "is-json", "value": {"type": "object"}}]
    cases = ({**CASE, "id": f"c{n}", "assert": checks} for n in range(10_000))
    lines = b"".join(json.dumps(case).encode() + b"\n" for case in cases)
    begun = time.process_time()
    reading = read(lines)

    assert reading.suite
    assert len(reading.suite.cases) == 10_000
    assert time.process_time() - begun < 2
