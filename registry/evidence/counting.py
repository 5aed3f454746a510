"""What a call adds to the evidence of its rollout. Pure: the rules, without any store.

A unit counts once a metric: with its first value, and with its first bad event. So whoever calls often weighs
as much as whoever calls once, and a report that comes late or twice changes nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.evidence.formulas import Sums
from registry.evidence.measured import measured_arm
from registry.evidence.verdicts import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from registry.evidence.measured import Arm

EXPOSED = "srm"
"""The metric of exposure: each measured unit has a value of it, with its first call, and none is bad."""

UNFINISHED_MS = 600_000
"""A call that has begun and has no end after so long ended with its process."""

COST_MS = 3_600_000
"""The time from a unit's first call in which its calls count for its cost."""

COST = "cost"
FLAG = "flag:"


class Report(NamedTuple):
    """What is known of a measured call.

    Attributes:
        unit: whose call it is.
        bucket: of the unit.
        arm, version, seq: as its client said.
        at: the start, in milliseconds since 1970.
        ended: whether its outcome is known.
        cost: in nano-dollars; None: not priced.
        format_error: whether an answer that was to be JSON is none; None: it was not to be.
        feedback: kinds that people gave.
        score: of the judge that the guard names; None: it has not judged.
        is_again: whether its outcome was counted before, and something was said of it since.
    """

    unit: int
    bucket: int
    arm: str
    version: str
    seq: int
    at: int
    ended: bool = True
    error: str | None = None
    duration: float | None = None
    ttft: float | None = None
    cost: int | None = None
    format_error: bool | None = None
    flags: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    score: float | None = None
    is_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is counted of one rollout.

    Attributes:
        versions: of each arm.
        steps: the seq from which a step was in force, and its percent; in order.
        newest: the seq of the newest change of the rollout: no call can know of a later one.
        metrics: names, in the guard's order.
        slower: for `latency` and `ttft`, the milliseconds from which a call is slow; absent: not known yet.
        since: for a metric whose constant was set later, the start (ms) from which calls count for it.
    """

    versions: Mapping[Arm, str]
    steps: tuple[tuple[int, float], ...]
    newest: int
    metrics: tuple[str, ...]
    slower: Mapping[str, float] = field(default_factory=dict)
    since: Mapping[str, int] = field(default_factory=dict)

    def place(self, report: Report) -> tuple[Arm, float] | None:
        """Return the arm and the percent that a call counts for; None: it is misassigned.

        A call counts only if its unit is measured on the arm that it had, by the share that was in force when
        its client decided, and with that arm's version.
        """
        percent = self._percent(report.seq)
        arm = None if percent is None else measured_arm(report.bucket, percent)
        if percent is None or arm is None or arm != report.arm or self.versions[arm] != report.version:
            return None
        return arm, percent

    def is_measured(self, report: Report) -> bool:
        """Return whether a call's unit is measured at all; those that are not claim nothing."""
        percent = self._percent(report.seq)
        return percent is None or measured_arm(report.bucket, percent) is not None

    def _percent(self, seq: int) -> float | None:
        """Return the share that was in force at a seq; None: there was none, or there is no such seq yet."""
        number = bisect_right(self.steps, seq, key=itemgetter(0))
        return self.steps[number - 1][1] if number and seq <= self.newest else None

    def events(self, report: Report, now: int) -> dict[str, bool]:
        """Return the metrics that a call has a value for, and whether that is bad.

        Args:
            report: the call; one without an end has a value only once it is `Unfinished`.
            now: milliseconds since 1970.
        """
        found = {EXPOSED: False}
        if not report.ended and now - report.at < UNFINISHED_MS:
            return found
        for name in self.metrics:
            if report.at >= self.since.get(name, 0):
                value = _flagged(report, name) if name.startswith(FLAG) else _VALUES[name](report, self)
                if value is not None:
                    found[name] = value
        return found


def _flagged(report: Report, name: str) -> bool | None:
    return name.removeprefix(FLAG) in report.flags if report.ended else None


def _failed(report: Report, _: Watch) -> bool | None:
    return report.error is not None or not report.ended


def _slow(report: Report, watch: Watch) -> bool | None:
    bound = watch.slower.get("latency")
    return None if bound is None or report.duration is None else report.duration > bound


def _slow_to_begin(report: Report, watch: Watch) -> bool | None:
    bound = watch.slower.get("ttft")
    return None if bound is None or report.ttft is None else report.ttft > bound


def _malformed(report: Report, _: Watch) -> bool | None:
    return report.format_error


def _disliked(report: Report, _: Watch) -> bool | None:
    return not BAD_FEEDBACK.isdisjoint(report.feedback) if report.feedback else None


def _judged_bad(report: Report, _: Watch) -> bool | None:
    return None if report.score is None else report.score < BAD_SCORE


def _no_event(_: Report, __: Watch) -> bool | None:
    """Cost is the sum of a unit's first hour, and counted when that is over."""
    return None


BAD_FEEDBACK = frozenset(("down", "edited", "regenerated"))
BAD_SCORE = 0.5
_VALUES: Mapping[str, Callable[[Report, Watch], bool | None]] = {
    "errors": _failed,
    "latency": _slow,
    "ttft": _slow_to_begin,
    "format": _malformed,
    "feedback": _disliked,
    "judge": _judged_bad,
    COST: _no_event,
}


@dataclass(slots=True)
class Unit:
    """What is kept of a unit: the metrics that it has a value and a bad event of, and what it cost.

    Attributes:
        seen, bad: a bit for each of the rollout's metrics; the first is that of `EXPOSED`.
        first: the start of its first call, in milliseconds since 1970.
        arm, percent: where that counted.
        cost: nano-dollars of its calls of the first hour.
        is_unpriced: whether one of them has no price.
        is_closed: whether its cost was counted, or is not to be.
    """

    seen: int = 0
    bad: int = 0
    first: int = 0
    arm: str = ""
    percent: float = 0.0
    cost: int = 0
    is_unpriced: bool = False
    is_closed: bool = False


Place = tuple[str, float, str]  # metric, percent, arm


@dataclass(slots=True)
class Changes:
    """What some calls add to the counts.

    Attributes:
        counts: by metric, step and arm.
        misassigned: calls that claim a unit, arm, version or step that is not theirs.
        again: calls that have begun and not ended, to be looked at again when they are `Unfinished`.
    """

    counts: dict[Place, Counts] = field(default_factory=dict)
    misassigned: int = 0
    again: list[Any] = field(default_factory=list)

    def add(self, metric: str, percent: float, arm: str, counts: Counts) -> None:
        """Add counts to a place."""
        place = metric, percent, arm
        self.counts[place] = self.counts.get(place, Counts()) + counts


def count(watch: Watch, reports: Iterable[tuple[Any, Report]], units: dict[int, Unit], now: int) -> Changes:
    """Count calls.

    Args:
        watch: the rollout.
        reports: calls, each with what names it to the caller, in any order.
        units: what is kept of their units, which this changes.
        now: milliseconds since 1970.
    """
    changes = Changes()
    bits = {name: 1 << number for number, name in enumerate((EXPOSED, *watch.metrics))}
    for name, report in reports:
        place = watch.place(report)
        if place is None:
            changes.misassigned += watch.is_measured(report)
            continue
        arm, percent = place
        unit = units.setdefault(report.unit, Unit())
        if not unit.seen:
            unit.first, unit.arm, unit.percent = report.at, arm, percent
            unit.is_closed = COST not in watch.metrics
        for metric, is_bad in watch.events(report, now).items():
            if new := _news(unit, bits[metric], is_bad=is_bad):
                changes.add(metric, percent, arm, new)
        if report.ended and not report.is_again:
            _add_cost(unit, report)
        if not report.ended and now - report.at < UNFINISHED_MS:
            changes.again.append(name)
    return changes


def _news(unit: Unit, bit: int, *, is_bad: bool) -> Counts | None:
    """Note that a unit has a value; return what is new about it."""
    is_new, is_newly_bad = not unit.seen & bit, is_bad and not unit.bad & bit
    unit.seen |= bit
    unit.bad |= bit if is_bad else 0
    return Counts(int(is_new), int(is_newly_bad)) if is_new or is_newly_bad else None


def _add_cost(unit: Unit, report: Report) -> None:
    if not unit.is_closed and abs(report.at - unit.first) < COST_MS:
        unit.cost += report.cost or 0
        unit.is_unpriced |= report.cost is None


def close(units: Sequence[Unit], cap: int, changes: Changes) -> None:
    """Count the cost of units whose first hour is over.

    Args:
        units: those units, which this changes; one with a call that has no price has no value.
        cap: the most that a unit counts for, in micro-dollars.
        changes: where to.
    """
    for unit in units:
        unit.is_closed = True
        if not unit.is_unpriced:
            micro = min(cap, (unit.cost + 500) // 1000)
            sums = Sums(1, micro, micro * micro)
            changes.add(COST, unit.percent, unit.arm, Counts(1, 0, sums))
