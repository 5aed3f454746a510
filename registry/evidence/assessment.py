"""Assess a guarded rollout: the verdict on its counts, and what its step waits for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil, exp
from typing import TYPE_CHECKING, Any

from registry.evidence.counting import EXPOSED
from registry.evidence.measured import measured_buckets
from registry.evidence.verdicts import Metric, Verdict, e_value, judge, totals, verdict
from registry.system import figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from registry.evidence.verdicts import Counts, Judged, StepCounts
    from registry.rollouts.guard import Guard

FRESH = timedelta(minutes=15)
"""A measured call must have come within it, or a quarter of the hold: else apps report no more."""

SAMPLE, DATA, SRM, DATABASE, PERSON = "sample", "data", "srm", "database", "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The step that a rollout is at.

    Attributes:
        percent: the share of users; where it is 0 or 100 nobody is measured, and nothing is waited for.
        hold: how long it is held; None: a person advances.
        since: when it began.
        newest: when the newest measured call arrived; None: none did.
        now: the time.
    """

    percent: float
    hold: timedelta | None
    since: datetime
    newest: datetime | None
    now: datetime

    @property
    def is_over(self) -> bool:
        """Whether its hold is over."""
        return self.hold is not None and self.now >= self.since + self.hold


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a step waits for when its hold is over; `needs`: the units that its smaller arm lacks."""

    reason: str
    needs: int | None = None
    eta: timedelta | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the form of the API."""
        shown: dict[str, Any] = {"for": self.reason}
        if self.needs is not None:
            shown["needs"] = self.needs
        if self.eta is not None:
            shown["eta"] = duration(self.eta)
        return shown


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the counts of a rollout say, whatever the time is.

    Attributes:
        verdict: the first that holds.
        judged: each metric.
        exposed: the units of both arms, by step.
        harm: the metrics that are harmful and that nobody acknowledged.
    """

    verdict: Verdict
    judged: tuple[Judged, ...]
    exposed: tuple[StepCounts, ...]
    harm: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is found of a rollout at a step.

    Attributes:
        opinion: what its counts say.
        obstacle: what stands against an advance of the step by itself, whether or not its hold is over.
        waiting: the same once its hold is over: what it waits for.
    """

    opinion: Opinion
    obstacle: Waiting | None
    waiting: Waiting | None


def weigh(guard: Guard, counts: Mapping[str, Sequence[StepCounts]]) -> Opinion:
    """Return what counts say.

    Args:
        guard: the rollout's.
        counts: by metric, and of `EXPOSED`.
    """
    exposed = tuple(counts[EXPOSED])
    judged = tuple(
        judge(_metric(guard, name), counts[name], alpha=guard.alpha, metrics=len(guard.metrics))
        for name in guard.metrics
    )
    accepted = frozenset(guard.acknowledged)
    silent = frozenset(guard.unknown) & frozenset(guard.metrics)
    found = verdict(judged, exposed=_units(exposed), acknowledged=accepted, silent=silent, alpha=guard.alpha)
    harm = tuple(each.metric.name for each in judged if each.is_harm and each.metric.name not in accepted)
    return Opinion(found, judged, exposed, harm)


def assess(guard: Guard | None, opinion: Opinion, step: Step) -> Assessment:
    """Assess a rollout.

    Args:
        guard: its guard; None: it has none, and a person advances it, or the time.
        opinion: what its counts say.
        step: where it stands.
    """
    obstacle = _obstacle(guard, opinion, step) if guard else None
    return Assessment(opinion, obstacle, obstacle if step.is_over else None)


def _metric(guard: Guard, name: str) -> Metric:
    constant = guard.constants.get(name)
    baseline = (constant.value if constant else 0.0) if name == "cost" else None
    return Metric(name, guard.tolerance[name], baseline)


def _units(exposed: Sequence[StepCounts]) -> tuple[int, int]:
    canary, control = totals(exposed)
    return canary.units, control.units


def _obstacle(guard: Guard, opinion: Opinion, step: Step) -> Waiting | None:
    """Return what stands against an advance; None: nothing, or it is a person's to make.

    It does not ask whether the hold is over: the scheduler knows that, and asks for this a moment later.
    """
    if step.hold is None:
        return None
    if opinion.harm:
        return Waiting(PERSON)
    if not measured_buckets(step.percent):
        return None
    if opinion.verdict is Verdict.srm:
        return Waiting(SRM)
    if guard.on_no_data == "hold" and (opinion.verdict is Verdict.no_data or not _is_fresh(step)):
        return Waiting(SAMPLE, guard.minimum) if _has_just_begun(step) else Waiting(DATA)
    return _sample(guard, _units(opinion.exposed), step)


def _is_fresh(step: Step) -> bool:
    """Whether apps report now."""
    if step.newest is None or step.hold is None:
        return False
    return step.now - step.newest <= max(FRESH, step.hold / 4)


def _has_just_begun(step: Step) -> bool:
    """Whether it is too early for any call to count: each waits until it may."""
    return step.newest is None and step.now - step.since <= FRESH


def _sample(guard: Guard, units: tuple[int, int], step: Step) -> Waiting | None:
    missing = guard.minimum - min(units)
    if missing <= 0 or step.hold is None:
        return None
    held = step.now - step.since
    if guard.on_small == "advance" and held >= step.hold * guard.max_wait:
        return None
    rate = min(units) / max(held.total_seconds(), 1.0)
    eta = timedelta(seconds=ceil(missing / rate)) if rate else None
    return Waiting(SAMPLE, missing, eta)


def duration(time: timedelta) -> str:
    """Write a time as ISO 8601 does, in its two greatest units: ``P2DT3H``, ``PT5M``."""
    seconds = int(time.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"P{days}D" + (f"T{hours}H" if hours else "")
    if hours:
        return f"PT{hours}H" + (f"{minutes}M" if minutes else "")
    return f"PT{minutes}M" if minutes else f"PT{seconds}S"


def greatest(before: Mapping[str, float], judged: Sequence[Judged]) -> dict[str, float]:
    """Return the greatest ln E of each metric so far: what its p-value is of."""
    return {each.metric.name: max(before.get(each.metric.name, 0.0), each.log_e, 0.0) for each in judged}


def reason(opinion: Opinion) -> str:
    """Say why harm is acted on, in words that one person repeats to another."""
    return "; ".join(
        _said(each, *totals(each.steps)) for each in opinion.judged if each.metric.name in opinion.harm
    )


def _said(each: Judged, canary: Counts, control: Counts) -> str:
    test = f"E {figures.evidence(e_value(each.log_e))}, threshold {figures.evidence(exp(each.threshold))}"
    if each.metric.is_mean:
        return f"{each.metric.name}: {each.estimate or 0:+.0f} micro-dollars a user ({test})"
    return (
        f"{each.metric.name}: {canary.bad} of {canary.units} users of the candidate, "
        f"{control.bad} of {control.units} of the stable version ({test})"
    )
