"""Count the calls of rollouts that are due, and read the counts: each bite is one transaction.

A call is due W after its start, so that slow calls and fast failures are seen alike. Whatever dies between, a
call is counted once: it leaves those that wait in the transaction that counts it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.evidence.counting import COST_MS, EXPOSED, UNFINISHED_MS, Changes, Report, Unit, close, count
from registry.evidence.formulas import Sums
from registry.evidence.measured import ARMS
from registry.evidence.verdicts import Counts, StepCounts
from registry.outcomes.store import evidence as store
from registry.outcomes.store import evidence_views, waiting
from registry.outcomes.store.rows import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.evidence.counting import Watch
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.evidence import CountRow, Facts, Summary, UnitRow
    from registry.outcomes.store.waiting import Waiting

BITE = 1000  # calls in one transaction: some 40 ms, in which no fold can write


@dataclass(frozen=True, slots=True)
class Collected:
    """What is counted of a rollout.

    Attributes:
        counts: of each metric, and of `EXPOSED`, by step.
        summary: None: no call of it was counted.
    """

    counts: Mapping[str, Sequence[StepCounts]]
    summary: Summary | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A rollout that is counted.

    Attributes:
        rollout: its id.
        watch: what is counted of it.
        wait: W, in milliseconds.
        tokens: the ids of the tokens whose reports count; None: of all.
        cost_cap: the most that a unit's cost counts for, in micro-dollars; None: not known yet.
        judge: the name of the scores that count, whose they are, and by which rubric; None is any, and no
            judge at all: none count.
    """

    rollout: str
    environment: str
    prompt: str
    watch: Watch
    wait: int
    tokens: frozenset[str] | None = None
    cost_cap: int | None = None
    judge: tuple[str, str | None, str | None] | None = None


def count_due(connection: Connection, watched: Mapping[str, Counted], now: int) -> int:
    """Count a bite of the calls that are due; return how many they were.

    Args:
        connection: a transaction, while no other process counts.
        watched: the rollouts, by id.
        now: milliseconds since 1970.
    """
    due = waiting.due(connection, [(name, now - each.wait) for name, each in watched.items()], BITE)
    if not due:  # which is most rounds: nothing is written
        return 0
    facts = store.facts(connection, [each.call for each in due])
    found: dict[str, list[tuple[Waiting, Report]]] = {each.rollout: [] for each in due}
    for each in due:
        if _counts(watched[each.rollout], each, facts):
            report = _report(watched[each.rollout], each, facts[each.call])
            found[each.rollout].append((each, report))
    units = _read_units(connection, found)
    changed = {name: count(watched[name].watch, found[name], units[name], now) for name in found}
    _put(connection, units, changed)
    began = {each: report.at for reports in found.values() for each, report in reports}
    again = [
        (began[each] + UNFINISHED_MS - watched[each.rollout].wait, each)
        for changes in changed.values()
        for each in changes.again
    ]
    waiting.settle(connection, due, again)
    _sum_up(connection, watched, found, facts, changed)
    return len(due)


def _sum_up(
    connection: Connection,
    watched: Mapping[str, Counted],
    found: Mapping[str, Sequence[tuple[Waiting, Report]]],
    facts: Mapping[bytes, Facts],
    changed: Mapping[str, Changes],
) -> None:
    """Write the summaries of rollouts whose calls were counted."""
    summaries = store.summaries(connection, found)
    for name, reports in found.items():
        counted = watched[name]
        summary = summaries.setdefault(name, store.Summary(counted.environment, counted.prompt))
        summary.misassigned += changed[name].misassigned
        summary.tokens.update(each.token for each, _ in reports if each.token)
        summary.newest = max((summary.newest, *(facts[each.call].row.arrived for each, _ in reports)))
    store.put_summaries(connection, summaries)


def close_due(connection: Connection, watched: Mapping[str, Counted], now: int) -> int:
    """Count the cost of a bite of the units whose first hour is over; return how many they were."""
    caps = {name: each.cost_cap for name, each in watched.items() if each.cost_cap is not None}
    before = [(name, now - COST_MS - watched[name].wait) for name in caps]
    units = _by_rollout(store.open_units(connection, before, BITE))
    if not units:
        return 0
    changed = {}
    for name, kept in units.items():
        changed[name] = Changes()
        close(list(kept.values()), caps[name], changed[name])
    _put(connection, units, changed)
    store.put_summaries(connection, store.summaries(connection, units))
    return sum(map(len, units.values()))


def collect(connection: Connection, wanted: Mapping[str, Sequence[str]]) -> dict[str, Collected]:
    """Return what is counted of rollouts; of each its metrics are given."""
    rows: dict[str, list[CountRow]] = {name: [] for name in wanted}
    for row in store.counts(connection, wanted):
        rows[row.rollout].append(row)
    summaries = store.summaries(connection, wanted)
    return {
        name: Collected(_by_metric(rows[name], metrics), summaries.get(name))
        for name, metrics in wanted.items()
    }


def nothing(metrics: Iterable[str]) -> Collected:
    """Return what is counted of a rollout of which no call was reported."""
    return Collected(_by_metric([], metrics), None)


def recount(
    connection: Connection, rollout: str, metrics: Sequence[str], cap: int | None
) -> dict[str, dict[str, Counts]]:
    """Return the counts of each metric and arm, added up again from what is kept of each unit.

    Args:
        connection: a transaction.
        rollout: its id.
        metrics: the names, in the guard's order.
        cap: the most that a unit's cost counts for, in micro-dollars; None: none was counted.
    """
    found: dict[str, dict[str, Counts]] = {
        name: {arm: Counts() for arm in ARMS} for name in (EXPOSED, *metrics)
    }
    for row in evidence_views.recount(connection, rollout, cap or 0):
        for place, arms in enumerate(found.values()):
            bit = 1 << place
            arms[row.arm] += Counts(row.units if row.seen & bit else 0, row.units if row.bad & bit else 0)
        if "cost" in found and cap is not None:
            found["cost"][row.arm] += Counts(row.n, 0, Sums(row.n, row.total))
    return found


def _by_metric(rows: Iterable[CountRow], metrics: Iterable[str]) -> dict[str, list[StepCounts]]:
    by_place = {(row.metric, row.percent, row.arm): row for row in rows}
    percents = sorted({percent for _, percent, _ in by_place})
    return {
        metric: [
            StepCounts(
                percent,
                canary=_as_counts(by_place.get((metric, percent, "canary"))),
                control=_as_counts(by_place.get((metric, percent, "control"))),
            )
            for percent in percents
        ]
        for metric in (EXPOSED, *metrics)
    }


def _counts(counted: Counted, each: Waiting, found: Mapping[bytes, Facts]) -> bool:
    """Whether a call counts at all: it is there, was not erased, and a token sent it that counts.

    One that was looked at before its end, and has ended since, was counted when its end came.
    """
    facts = found.get(each.call)
    is_sent = not each.token or counted.tokens is None or each.token in counted.tokens
    if not is_sent or facts is None or facts.row.unit is None:
        return False
    return each.counted != waiting.UNFINISHED or not facts.row.state & ENDED


def _report(counted: Counted, each: Waiting, facts: Facts) -> Report:
    row, extra = facts.row, facts.extra
    feedback = tuple(name for kind, name, _, _, _ in facts.signals if kind == "feedback")
    scores = [signal for signal in facts.signals if signal[0] == "score" and _is_by(counted.judge, signal)]
    return Report(
        unit=row.unit or 0,
        bucket=row.bucket or 0,
        arm=each.arm,
        version=each.version,
        seq=each.seq,
        at=waiting.began(row.at, row.arrived),
        ended=bool(row.state & ENDED),
        error=row.error,
        duration=row.duration,
        ttft=row.ttft,
        cost=row.cost,
        format_error=extra.get("format_error"),
        flags=tuple(extra.get("flags") or ()),
        feedback=feedback,
        score=scores[0][3] if scores else None,
        is_again=each.counted == waiting.COUNTED,
    )


def _is_by(
    judge: tuple[str, str | None, str | None] | None, signal: tuple[str, str, str, float | None, str | None]
) -> bool:
    if judge is None:
        return False
    _, name, by, _, detail = signal
    found = name, by, json.loads(detail).get("rubric") if detail else None
    return all(wanted in {None, given} for wanted, given in zip(judge, found, strict=True))


def _read_units(
    connection: Connection, found: Mapping[str, Iterable[tuple[Waiting, Report]]]
) -> dict[str, dict[int, Unit]]:
    """Return what is kept of the units of calls, by rollout."""
    wanted = {(name, report.unit) for name, reports in found.items() for _, report in reports}
    return {name: {} for name in found} | _by_rollout(store.units(connection, sorted(wanted)))


def _by_rollout(rows: Iterable[UnitRow]) -> dict[str, dict[int, Unit]]:
    found: dict[str, dict[int, Unit]] = {}
    for row in rows:
        found.setdefault(row.rollout, {})[row.unit] = Unit(
            seen=row.seen,
            bad=row.bad,
            first=row.first,
            arm=row.arm,
            percent=row.percent,
            cost=row.cost,
            is_unpriced=bool(row.is_unpriced),
            is_closed=bool(row.is_closed),
        )
    return found


def _put(
    connection: Connection, units: Mapping[str, Mapping[int, Unit]], changed: Mapping[str, Changes]
) -> None:
    store.put_units(
        connection,
        [
            store.UnitRow(
                name, number, unit.seen, unit.bad, unit.first, unit.arm, unit.percent, unit.cost,
                int(unit.is_unpriced), int(unit.is_closed),
            )
            for name, kept in units.items()
            for number, unit in kept.items()
        ],
    )  # fmt: skip
    store.add_counts(
        connection,
        [
            store.CountRow(
                name, *place, each.units, each.bad, each.sums.n, each.sums.total, each.sums.squares
            )
            for name, changes in changed.items()
            for place, each in changes.counts.items()
        ],
    )


def _as_counts(row: CountRow | None) -> Counts:
    return Counts() if row is None else Counts(row.units, row.bad, Sums(row.n, row.total, int(row.squares)))
