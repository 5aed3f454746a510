"""Judge an answer by a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.suites.checks import bounded, github, rubrics, values
from registry.suites.checks.check import Verdict, broken
from registry.suites.checks.structures import tool_calls
from registry.suites.checks.texts import CHECKS
from registry.suites.checks.vocabulary import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.suites.checks.check import Answer, Check, Rubric
    from registry.suites.checks.texts import Said


def judge(check: Check, answer: Answer, *, vars: Mapping[str, Any], rubric: Rubric | None) -> Verdict:  # noqa: A002
    """Judge one answer by one check.

    Args:
        check: the condition.
        answer: what the model answered.
        vars: the variables of the case, and what it expects: `Case.values`.
        rubric: asks a judge model; None if there is none, so that checks that need one are broken.

    Raises:
        Exception: what `rubric` raises.
    """
    try:
        verdict = _judge(check, answer, vars, rubric)
    except values.Missing as missing:
        verdict = broken(f"the case has no {missing.args[0]}, which the check's value names")
    except bounded.CheckBroken as error:
        verdict = broken(str(error))
    return verdict._replace(passed=True) if check.weight == 0 else verdict


def of(check: Check, said: Said) -> Verdict:
    """Return the verdict of a check whose condition holds, or not."""
    held, words = said
    passed = held is not check.negated
    negation = "" if held else "not "
    return Verdict(passed, float(passed), f"the answer {_negated(words) if negation else words}")


def _judge(check: Check, answer: Answer, variables: Mapping[str, Any], rubric: Rubric | None) -> Verdict:
    if check.type in rubrics.TYPES:
        return _asked(check, answer, variables, rubric)
    if check.type == "latency":
        return _measured(check, answer.latency_ms, "ms", "its latency was not measured")
    if check.type == "cost":
        return _measured(check, answer.cost, "$", "its cost is not known: the model has no price")
    return of(check, _said(check, answer, variables))


def _said(check: Check, answer: Answer, variables: Mapping[str, Any]) -> Said:
    if check.type == "string":
        return github.string(answer.text, check.value, variables)
    kind = KINDS[check.type]
    value = check.value if kind.takes in {"schema", "tools"} else values.fill(check.value, variables)
    if not kind.slow:
        return CHECKS[check.type](answer.output, value, check.threshold)
    calls = tool_calls(answer.text, answer.tool_calls) if kind.takes == "tools" else None
    return bounded.said(check.type, answer.output, value, check.threshold, calls)


def _asked(check: Check, answer: Answer, variables: Mapping[str, Any], rubric: Rubric | None) -> Verdict:
    question = rubrics.question(check, answer, variables)
    if question is None:
        return Verdict(passed=False, score=0.0, reason=f"there is no evaluator {check.value}")
    if rubric is None:
        return broken("there is no judge model; name one with --judge")
    return rubrics.read_reply(check, rubric(question))


def _measured(check: Check, value: float | None, unit: str, unknown: str) -> Verdict:
    if value is None:
        return broken(f"{unknown}, so {check.label} cannot be judged")
    shown = {"ms": f"took {value:.0f} ms", "$": f"cost ${value:.6f}"}[unit]
    held = value <= (check.threshold or 0)
    passed = held is not check.negated
    return Verdict(passed, float(passed), f"the answer {shown}; the threshold is {check.threshold:g}")


def _negated(words: str) -> str:
    """Negate words that follow "the answer": is valid, is not valid; has it, does not have it."""
    verb, _, rest = words.partition(" ")
    known = {"is": "is not", "has": "does not have", "begins": "does not begin", "ends": "does not end",
             "calls": "does not call"}  # fmt: skip
    return f"{known[verb]} {rest}"
