"""Judge counts: what they say about each metric of a rollout, and about the rollout. Pure.

A guard's metrics are judged together: harm is called at an E-value of M / alpha, M being the number of
metrics, so that a candidate that is no worse is taken back with a probability of at most alpha, however often
and however long it is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from math import ceil, exp, inf, log
from operator import add
from typing import TYPE_CHECKING, Any

from registry.evidence.formulas import MeanTest, Sums, interval, log_e_harm, log_e_safe, log_e_srm

if TYPE_CHECKING:
    from collections.abc import Sequence

SRM_ALPHA = 0.001
"""How seldom samples that are shared out as planned may be called mismatched: once in a thousand rollouts."""

UNITS_FOR_MEAN = 100
"""Units an arm before a mean is judged: its test is exact only for many."""

E_CAP = 1e300
"""The greatest E-value that is written: JSON knows no infinity."""


class Verdict(StrEnum):
    """What is said of a rollout: the first that holds."""

    off = "off"
    harm = "harm"
    srm = "srm"
    no_data = "no_data"
    safe = "safe"
    collecting = "collecting"


@dataclass(frozen=True, slots=True)
class Metric:
    """What is judged.

    Attributes:
        name: such as ``errors``.
        tolerance: of a ratio of bad units, the greatest that is tolerated; of a mean, the rise, in percent of
            the baseline over 100.
        baseline: the mean of arm `stable` before the rollout, in the unit of the values; None: a ratio.
    """

    name: str
    tolerance: float
    baseline: float | None = None

    @property
    def is_mean(self) -> bool:
        """Whether it compares means."""
        return self.baseline is not None


@dataclass(frozen=True, slots=True)
class Counts:
    """What one arm has, of one metric.

    Attributes:
        units: units that have a value.
        bad: of them, those with a bad event.
        sums: of the values of units; of a mean alone.
    """

    units: int = 0
    bad: int = 0
    sums: Sums = field(default_factory=Sums)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.units + other.units, self.bad + other.bad, self.sums + other.sums)

    def to_json(self, *, mean: bool) -> dict[str, Any]:
        """Return the form of the API."""
        if not mean:
            return {"units": self.units, "bad": self.bad}
        return {"units": self.units, "n": self.sums.n, "sum": self.sums.total, "squares": self.sums.squares}


@dataclass(frozen=True, slots=True)
class StepCounts:
    """What both arms have at one step."""

    percent: float
    canary: Counts = field(default_factory=Counts)
    control: Counts = field(default_factory=Counts)


def totals(steps: Sequence[StepCounts]) -> tuple[Counts, Counts]:
    """Return what the canary and control have over all steps."""
    canary: Counts = reduce(add, (step.canary for step in steps), Counts())
    control: Counts = reduce(add, (step.control for step in steps), Counts())
    return canary, control


@dataclass(frozen=True, slots=True)
class Judged:
    """What the counts say of one metric.

    Attributes:
        log_e: the evidence of harm, ln E.
        log_e_safe: the evidence that it is within the tolerance, ln E.
        threshold: the ln E at which it is harm.
        alpha: the error that is allowed: of a ratio the guard's, of a mean the metric's part of it.
        estimate: the ratio of the rates, or the difference of the means; None: nothing can be said.
        is_mismatched: the units that have a value are not shared out as planned.
        events: bad events, or units with a value of a mean, so far.
        more: how many more bad events, or units with a value, decide it if it goes on as it did; None: it is
            decided, or nothing can be said.
    """

    metric: Metric
    steps: tuple[StepCounts, ...]
    log_e: float
    log_e_safe: float
    threshold: float
    alpha: float
    estimate: float | None
    is_mismatched: bool
    events: int
    more: int | None

    @property
    def is_harm(self) -> bool:
        """Whether it is harm."""
        return self.log_e >= self.threshold

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The estimates that the counts do not speak against; None on a side that nothing bounds."""
        canary, control = totals(self.steps)
        if self.metric.is_mean:
            test = _mean_test(self.metric, canary.sums, control.sums, self.alpha)
            return test.interval if test else (None, None)
        low, high = interval(canary.bad, control.bad, self.alpha)
        return low or None, None if high == inf else high

    def to_json(self, greatest: float) -> dict[str, Any]:
        """Return the form of the API.

        Args:
            greatest: the greatest ln E so far, which the p-value is of.
        """
        mean = self.metric.is_mean
        return {
            "name": self.metric.name,
            "steps": [
                {
                    "percent": step.percent,
                    "canary": step.canary.to_json(mean=mean),
                    "control": step.control.to_json(mean=mean),
                }
                for step in self.steps
            ],
            "e": e_value(self.log_e),
            "threshold": round(exp(self.threshold), 9),
            "p": min(1.0, exp(-max(greatest, self.log_e))),
            "difference" if mean else "ratio": self.estimate,
            "interval": list(self.bounds),
            "needs": None if self.more is None else {"events": self.more},
        }


def e_value(log_e: float) -> float:
    """Return E, capped at what JSON can hold."""
    return exp(min(log_e, log(E_CAP)))


def judge(metric: Metric, steps: Sequence[StepCounts], *, alpha: float, metrics: int) -> Judged:
    """Judge one metric.

    Args:
        metric: what is compared, and what is tolerated.
        steps: the counts by step.
        alpha: the guard's.
        metrics: how many are guarded, without `srm`.
    """
    canary, control = totals(steps)
    own = alpha / metrics if metric.is_mean else alpha
    said = (
        _mean(metric, canary.sums, control.sums, own)
        if metric.is_mean
        else _ratio(metric, canary.bad, control.bad)
    )
    harm, safe = (said.log_e, log(metrics / alpha)), (said.log_e_safe, log(1 / alpha))
    return Judged(
        metric=metric,
        steps=tuple(steps),
        log_e=said.log_e,
        log_e_safe=said.log_e_safe,
        threshold=harm[1],
        alpha=own,
        estimate=said.estimate,
        is_mismatched=is_mismatched(canary.units, control.units),
        events=said.events,
        more=_more(said.events, harm, safe),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What the test of one metric says."""

    log_e: float = 0.0
    log_e_safe: float = 0.0
    estimate: float | None = None
    events: int = 0


def _ratio(metric: Metric, canary: int, control: int) -> _Said:
    return _Said(
        log_e=log_e_harm(canary, control, metric.tolerance),
        log_e_safe=log_e_safe(canary, control, metric.tolerance),
        estimate=canary / control if control else None,
        events=canary + control,
    )


def _mean(metric: Metric, canary: Sums, control: Sums, alpha: float) -> _Said:
    test = _mean_test(metric, canary, control, alpha)
    return _Said(test.log_e, test.log_e_safe, test.difference, canary.n + control.n) if test else _Said()


def _mean_test(metric: Metric, canary: Sums, control: Sums, alpha: float) -> MeanTest | None:
    """Return the test of a mean; None: there are too few units for it."""
    if not metric.baseline or min(canary.n, control.n) < UNITS_FOR_MEAN:
        return None
    return MeanTest(canary, control, metric.baseline, metric.tolerance * metric.baseline, alpha)


def _more(events: int, *pairs: tuple[float, float]) -> int | None:
    """How many more events decide, at the growth so far; None: decided, or neither grows."""
    if any(log_e >= threshold for log_e, threshold in pairs):
        return None
    times = [threshold / log_e - 1 for log_e, threshold in pairs if log_e > 0]
    return ceil(events * min(times)) if times else None


def verdict(
    judged: Sequence[Judged],
    *,
    exposed: tuple[int, int],
    acknowledged: frozenset[str] = frozenset(),
    silent: frozenset[str] = frozenset(),
    alpha: float,
) -> Verdict:
    """Return the verdict on a rollout.

    Args:
        judged: each of its metrics; none: it is not guarded.
        exposed: measured units of the canary and of control that began a call.
        acknowledged: metrics whose harm a person has seen, and accepted.
        silent: metrics without data, or whose constants are not known yet.
        alpha: the guard's.
    """
    if not judged:
        return Verdict.off
    if any(each.is_harm and each.metric.name not in acknowledged for each in judged):
        return Verdict.harm
    if is_mismatched(*exposed):
        return Verdict.srm
    if any(each.is_mismatched or each.metric.name in silent for each in judged):
        return Verdict.no_data
    if all(each.log_e_safe >= log(1 / alpha) for each in judged):
        return Verdict.safe
    return Verdict.collecting


def is_mismatched(canary: int, control: int) -> bool:
    """Return whether the measured units are not shared out as planned."""
    return log_e_srm(canary, control) >= log(1 / SRM_ALPHA)
