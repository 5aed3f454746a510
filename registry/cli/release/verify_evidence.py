"""``promptstage evidence verify``: compute each verdict again, from what is kept of every user."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING

from registry.evidence.formulas import Sums
from registry.evidence.measured import ARMS
from registry.evidence.verdicts import Counts, Metric, StepCounts, e_value, judge, totals
from registry.wording import evidence as evidence_of
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from promptstage.model import Json

SAME = 1e-9  # relative: two computers may round the last digits of a logarithm in two ways
ACTORS = ("guard", "schedule")


def differences(evidence: Json, changes: Iterable[Json]) -> Iterator[str]:
    """Yield what does not agree.

    Args:
        evidence: of a rollout, with `recounted`; null there: its units are not kept any more.
        changes: the history of its prompt.
    """
    alpha = evidence["guard"]["alpha"] if evidence["guard"] else 0.05
    for metric in evidence["metrics"]:
        if evidence["recounted"] is not None:
            counts: dict[str, Json] = {arm: evidence_of.total(metric["steps"], arm) for arm in ARMS}
            yield from _recounted(metric["name"], counts, evidence["recounted"].get(metric["name"], {}))
        yield from _computed(metric, _steps(metric["steps"]), evidence, alpha)
    for change in of_rollout(changes, evidence["rollout"]):
        yield from _of_change(change, change["evidence"], evidence)


def of_rollout(changes: Iterable[Json], rollout: str) -> Iterator[Json]:
    """Yield the changes that were made on the evidence of a rollout."""
    for change in changes:
        if change["actor"] in ACTORS and (change.get("evidence") or {}).get("rollout") == rollout:
            yield change


def _recounted(name: str, counts: dict[str, Json], again: Json) -> Iterator[str]:
    for arm in ARMS:
        for what, value in counts[arm].items():
            if what != "squares" and (found := again.get(arm, {}).get(what, 0)) != value:
                yield (
                    f"{clean(name)}, {arm}: the counts have {value} {what}, and the users add up to {found}: "
                    "the database was changed by hand, or is another one"
                )


def _computed(metric: Json, steps: list[StepCounts], evidence: Json, alpha: float) -> Iterator[str]:
    name = metric["name"]
    guard = evidence["guard"] or {}
    tolerance = guard.get("tolerance", {}).get(name, 1.0)
    baseline = guard.get("constants", {}).get(name, {}).get("value") if "difference" in metric else None
    judged = judge(
        Metric(name, tolerance, baseline), steps, alpha=alpha, metrics=len(evidence["metrics"]) or 1
    )
    if not isclose(metric["e"], e_value(judged.log_e), rel_tol=SAME):
        yield f"{clean(name)}: E is shown as {metric['e']:.6g}, and is {e_value(judged.log_e):.6g}"


def _of_change(change: Json, record: Json, evidence: Json) -> Iterator[str]:
    """Check that a change follows from the numbers in its record, and these from the counts."""
    place = f"change {change['seq']} ({clean(change['op'])})"
    now = {metric["name"]: metric for metric in evidence["metrics"]}
    is_harm = "harm" in record
    for metric in record["harm" if is_harm else "judged"]:
        name = clean(metric["name"])
        mean = "constant" in metric and metric["name"] == "cost"
        steps = _recorded(metric, mean=mean)
        of = Metric(metric["name"], metric["tolerance"], metric["constant"] if mean else None)
        judged = judge(of, steps, alpha=record["alpha"], metrics=record["metrics"])
        if not isclose(judged.log_e, metric["log_e"], rel_tol=SAME, abs_tol=SAME):
            yield f"{place}: its numbers give ln E {judged.log_e:.9g} for {name}, not {metric['log_e']:.9g}"
        elif is_harm and not judged.is_harm:
            yield f"{place}: its numbers do not reach the threshold for {name}"
        if metric["name"] in now:
            counted = _steps(now[metric["name"]]["steps"])
            yield from _later(place, steps, counted if "steps" in metric else _together(counted), name)


def _recorded(metric: Json, *, mean: bool) -> list[StepCounts]:
    """Return the counts of a metric in a record: by step, or of all steps together where they are many."""
    steps = metric["steps"] if "steps" in metric else [[0.0, *metric["totals"]]]
    return [StepCounts(step[0], *(_counts(arm, mean=mean) for arm in step[1:])) for step in steps]


def _together(steps: list[StepCounts]) -> list[StepCounts]:
    return [StepCounts(0.0, *totals(steps))]


def _later(place: str, then: list[StepCounts], now: list[StepCounts], name: str) -> Iterator[str]:
    """Counts only grow: a call that was counted is never taken out."""
    counts = {step.percent: step for step in now}
    for step in then:
        there = counts.get(step.percent, StepCounts(step.percent))
        for arm in ARMS:
            old: Counts = getattr(step, arm)
            new: Counts = getattr(there, arm)
            if old.units > new.units or old.bad > new.bad or old.sums.n > new.sums.n:
                where = f" at {step.percent:g} %" if step.percent else ""
                yield f"{place}: it saw more of {name} on {arm}{where} than is counted now"


def _steps(steps: list[Json]) -> list[StepCounts]:
    return [
        StepCounts(
            step["percent"],
            *(
                Counts(
                    step[arm]["units"],
                    step[arm].get("bad", 0),
                    Sums(step[arm].get("n", 0), step[arm].get("sum", 0), step[arm].get("squares", 0)),
                )
                for arm in ARMS
            ),
        )
        for step in steps
    ]


def _counts(numbers: list[int], *, mean: bool) -> Counts:
    first, second, *_ = numbers
    return Counts(first, 0, Sums(*numbers)) if mean else Counts(first, second)
