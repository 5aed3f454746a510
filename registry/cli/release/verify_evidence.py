"""``promptstage evidence verify``: compute each verdict again, from what is kept of every user."""

from __future__ import annotations

from math import isclose, log
from typing import TYPE_CHECKING

from registry.evidence.formulas import Sums
from registry.evidence.measured import ARMS
from registry.evidence.verdicts import Counts, Metric, StepCounts, e_value, judge
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from promptstage.model import Json

SAME = 1e-9  # relative: two computers may round the last digits of a logarithm in two ways
GUARD = "guard"


def differences(evidence: Json, changes: Iterable[Json]) -> Iterator[str]:
    """Yield what does not agree.

    Args:
        evidence: of a rollout, with `recounted`.
        changes: the history of its prompt.
    """
    alpha = evidence["guard"]["alpha"] if evidence["guard"] else 0.05
    for metric in evidence["metrics"]:
        counts: dict[str, Json] = {arm: _total(metric["steps"], arm) for arm in ARMS}
        yield from _recounted(metric["name"], counts, evidence["recounted"].get(metric["name"], {}))
        yield from _computed(metric, _steps(metric["steps"]), evidence, alpha)
    for change in changes:
        record = change.get("evidence") or {}
        if change["actor"] == GUARD and record.get("rollout") == evidence["rollout"]:
            yield from _of_change(change, record, evidence)


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
    """Check that a change of the guard follows from the numbers in its record, and these from the counts."""
    place = f"change {change['seq']} ({clean(change['op'])})"
    now = {metric["name"]: metric for metric in evidence["metrics"]}
    for harm in record["harm"]:
        name = clean(harm["name"])
        mean = "constant" in harm and harm["name"] == "cost"
        steps = [
            StepCounts(step[0], *(_counts(arm, mean=mean) for arm in step[1:])) for step in harm["steps"]
        ]
        metric = Metric(harm["name"], harm["tolerance"], harm["constant"] if mean else None)
        judged = judge(metric, steps, alpha=record["alpha"], metrics=record["metrics"])
        if not isclose(judged.log_e, harm["log_e"], rel_tol=SAME):
            yield f"{place}: its numbers give ln E {judged.log_e:.9g} for {name}, not {harm['log_e']:.9g}"
        elif judged.log_e < log(record["metrics"] / record["alpha"]):
            yield f"{place}: its numbers do not reach the threshold for {name}"
        if harm["name"] in now:
            yield from _later(place, steps, _steps(now[harm["name"]]["steps"]), name)


def _later(place: str, then: list[StepCounts], now: list[StepCounts], name: str) -> Iterator[str]:
    """Counts only grow: a call that was counted is never taken out."""
    counts = {step.percent: step for step in now}
    for step in then:
        there = counts.get(step.percent, StepCounts(step.percent))
        for arm in ARMS:
            old: Counts = getattr(step, arm)
            new: Counts = getattr(there, arm)
            if old.units > new.units or old.bad > new.bad or old.sums.n > new.sums.n:
                yield f"{place}: it saw more of {name} on {arm} at {step.percent:g} % than is counted now"


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


def _total(steps: list[Json], arm: str) -> Json:
    keys = steps[0][arm] if steps else {}
    return {key: sum(step[arm][key] for step in steps) for key in keys}
