"""Answers, judged by checks."""

from __future__ import annotations

import pytest

from registry.suites.checks.check import Answer, Check, Question, Verdict
from registry.suites.checks.judge import judge
from registry.suites.scoring import Score, score


def verdict(check: Check, text: str, **variables: object) -> Verdict:
    """The verdict on a text."""
    return judge(check, Answer(text), vars=variables, rubric=None)


def test_a_value_names_variables() -> None:
    """What the case has is put in before the answer is judged."""
    check = Check("contains", "parcel {{order.number}}")

    assert verdict(check, "Your parcel 4711 is late.", order={"number": 4711}).passed
    assert verdict(check, "Hello", order={}) == Verdict(
        passed=False,
        score=0,
        reason="the case has no order.number, which the check's value names",
        broken=True,
    )


def test_a_pattern_that_explodes_is_stopped() -> None:
    """After its time the check is broken, says so, and the next one is judged."""
    found = verdict(Check("regex", "(a+)+$", negated=True), "a" * 64 + "!")

    assert (found.passed, found.broken) == (False, True)
    assert found.reason == "regex took more than 2 s, so it was stopped; simplify its value"
    assert verdict(Check("regex", "(a+)+$"), "aaa").passed


def test_a_judge_model_decides_a_rubric() -> None:
    """It is asked with the answer and the rubric, and its reply is read."""
    asked: list[Question] = []

    def rubric(question: Question) -> str:
        asked.append(question)
        return 'Well: {"pass": true, "score": 0.6, "reason": "polite"}'

    check = Check("llm-rubric", "Polite to {{name}}.", threshold=0.7)
    found = judge(check, Answer("Dear Ada"), vars={"name": "Ada"}, rubric=rubric)

    assert (found.passed, found.score, found.reason) == (False, 0.6, "polite")
    assert "Polite to Ada." in asked[0].messages[1]["content"]
    assert "Dear Ada" in asked[0].messages[1]["content"]


@pytest.mark.parametrize("reply", ["", "yes", "{}", '{"reason": "fine"}', '{"score": "high"}', "[1]"])
def test_a_judge_that_answers_nonsense_passes_nothing(reply: str) -> None:
    """Neither the check nor its negation."""
    for negated in (False, True):
        found = judge(
            Check("llm-rubric", "Polite.", negated=negated), Answer("hi"), vars={}, rubric=lambda _: reply
        )

        assert (found.passed, found.broken) == (False, True)


def test_a_case_is_scored_by_weight() -> None:
    """Each check must pass, or with a threshold their mean score must reach it."""
    checks = (Check("contains", "a", weight=3), Check("contains", "b"))
    verdicts = [verdict(check, "a") for check in checks]

    assert score(checks, verdicts) == Score(passed=False, score=0.75)
    assert score(checks, verdicts, 0.75).passed
    assert not score(checks, verdicts, 0.76).passed
