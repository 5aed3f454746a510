"""promptfoo as the oracle: we judge the recorded pairs as it did, or say why not."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from suites.differences import DIFFERENCES, Pair

from registry.suites import assertions, scoring
from registry.suites.checks.check import Answer
from registry.suites.checks.judge import judge
from registry.suites.checks.vocabulary import KINDS

if TYPE_CHECKING:
    from registry.suites.problems import Fault

RECORD = json.loads(
    (Path(__file__).parents[1] / "vectors/promptfoo_verdicts.json").read_text(encoding="utf-8")
)
PAIRS: list[Pair] = RECORD["pairs"]
ERROR = ("error", 0.0)


def answer(given: Pair) -> Answer:
    """The answer of a pair: a text, or tool calls."""
    output = given["output"]
    calls = output["tool_calls"] if isinstance(output, dict) else output
    return Answer(
        output if isinstance(output, str) else "",
        () if isinstance(output, str) else tuple(calls),
        latency_ms=given.get("latency"),
        cost=given.get("cost"),
    )


def theirs(given: Pair) -> tuple[str, float]:
    """What promptfoo said: a pass, a failure or an error, and a score."""
    verdict = given["verdict"]
    return ERROR if "error" in verdict else ("pass" if verdict["pass"] else "fail", verdict["score"])


def ours(given: Pair) -> tuple[str, float]:
    """What we say; an assertion that `check` refuses, or that cannot be judged, is an error."""
    faults: list[Fault] = []
    checks = assertions.read([given["assertion"]], given.get("tools", []), faults)
    if not checks:
        return ERROR
    verdict = judge(
        checks[0], answer(given), vars=given.get("vars", {}), rubric=lambda _: given.get("reply", "")
    )
    return ERROR if verdict.broken else ("pass" if verdict.passed else "fail", verdict.score)


@cache
def verdicts() -> list[tuple[str, float]]:
    """Our verdicts on all pairs."""
    return [ours(pair) for pair in PAIRS]


def agree(one: tuple[str, float], other: tuple[str, float]) -> bool:
    """Whether two verdicts are the same."""
    return one[0] == other[0] and one[1] == pytest.approx(other[1])


def test_there_are_pairs_of_every_type() -> None:
    """At least six of each, and of its negation."""
    types = Counter(pair["assertion"]["type"] for pair in PAIRS)

    assert len(PAIRS) >= 300
    assert {name: types[name] for kind in KINDS for name in (kind, f"not-{kind}") if types[name] < 6} == {}


def test_verdicts_are_those_of_promptfoo() -> None:
    """Or of a kind that is listed with its reason."""
    other = [
        (pair["assertion"], pair["output"], pair.get("reply"), theirs(pair), said)
        for pair, said in zip(PAIRS, verdicts(), strict=True)
        if not agree(said, theirs(pair)) and not any(one.shows(pair) for one in DIFFERENCES)
    ]

    assert other == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=[each.theirs[:40] for each in DIFFERENCES])
def test_a_difference_that_is_listed_is_one(difference: Any) -> None:
    """None is listed that is not there any more."""
    shown = [(pair, said) for pair, said in zip(PAIRS, verdicts(), strict=True) if difference.shows(pair)]

    assert shown
    assert [pair for pair, said in shown if agree(said, theirs(pair))] == []


def test_cases_are_scored_as_promptfoo_scores_them() -> None:
    """By weights, and by the threshold of a case."""
    for case in RECORD["cases"]:
        faults: list[Fault] = []
        checks = assertions.read(case["assert"], [], faults)
        said = [judge(one, answer(case), vars={}, rubric=lambda _: case["reply"]) for one in checks]  # noqa: B023
        score = scoring.score(checks, said, case["threshold"])

        assert agree(("pass" if score.passed else "fail", score.score), theirs(case)), case
