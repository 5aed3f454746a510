"""Count the calls of a rollout that are due, and read the counts: each bite is one transaction.

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
from registry.outcomes.store.rows import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.evidence.counting import Watch
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.evidence import CountRow, Facts, UnitRow, Waiting

BITE = 500  # calls in one transaction: some 20 ms, in which no fold can write


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


def count_due(connection: Connection, counted: Counted, now: int) -> int:
    """Count a bite of the calls that are due; return how many they were.

    Args:
        connection: a transaction, while no other process counts.
        counted: the rollout.
        now: milliseconds since 1970.
    """
    due = store.due(connection, counted.rollout, now - counted.wait, BITE)
    if not due:  # which is most rounds: nothing is written
        return 0
    found = store.facts(connection, [each.call for each in due])
    reports = [
        (each, _report(counted, each, found[each.call])) for each in due if _counts(counted, each, found)
    ]
    units = _units(store.units(connection, counted.rollout, (report.unit for _, report in reports)))
    changes = count(counted.watch, reports, units, now)
    _put(connection, counted.rollout, units, changes)
    at = {each: report.at for each, report in reports}
    later = [(at[each] + UNFINISHED_MS - counted.wait, each) for each in changes.again]
    store.settle(connection, counted.rollout, due, later)
    summary = store.watch(connection, counted.rollout, counted.environment, counted.prompt)
    summary.misassigned += changes.misassigned
    summary.tokens.update(each.token for each, _ in reports if each.token)
    summary.newest = max((summary.newest, *(found[each.call].row.arrived for each, _ in reports)))
    store.put_summary(connection, counted.rollout, summary)
    return len(due)


def close_due(connection: Connection, counted: Counted, now: int) -> int:
    """Count the cost of a bite of the units whose first hour is over; return how many they were."""
    if counted.cost_cap is None:
        return 0
    before = now - COST_MS - counted.wait
    units = _units(store.open_units(connection, counted.rollout, before, BITE))
    changes = Changes()
    close(list(units.values()), counted.cost_cap, changes)
    _put(connection, counted.rollout, units, changes)
    return len(units)


def read_counts(connection: Connection, rollout: str, metrics: Iterable[str]) -> dict[str, list[StepCounts]]:
    """Return the counts of each metric, and of `EXPOSED`, by step."""
    return _by_metric(store.counts(connection, rollout), metrics)


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
    for row in store.recount(connection, rollout, cap or 0):
        for place, arms in enumerate(found.values()):
            bit = 1 << place
            arms[row.arm] += Counts(row.units if row.seen & bit else 0, row.units if row.bad & bit else 0)
        if "cost" in found and cap is not None:
            found["cost"][row.arm] += Counts(row.n, 0, Sums(row.n, row.total))
    return found


def nothing(metrics: Iterable[str]) -> dict[str, list[StepCounts]]:
    """Return the counts of a rollout of which no call was reported."""
    return _by_metric([], metrics)


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
    sent = not each.token or counted.tokens is None or each.token in counted.tokens
    if not sent or facts is None or facts.row.unit is None:
        return False
    return each.counted != store.UNFINISHED or not facts.row.state & ENDED


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
        at=row.at,
        ended=bool(row.state & ENDED),
        error=row.error,
        duration=row.duration,
        ttft=row.ttft,
        cost=row.cost,
        format_error=extra.get("format_error"),
        flags=tuple(extra.get("flags") or ()),
        feedback=feedback,
        score=scores[0][3] if scores else None,
        is_again=each.counted == store.COUNTED,
    )


def _is_by(
    judge: tuple[str, str | None, str | None] | None, signal: tuple[str, str, str, float | None, str | None]
) -> bool:
    if judge is None:
        return False
    _, name, by, _, detail = signal
    found = name, by, json.loads(detail).get("rubric") if detail else None
    return all(wanted in {None, given} for wanted, given in zip(judge, found, strict=True))


def _units(kept: Iterable[UnitRow]) -> dict[int, Unit]:
    return {
        row.unit: Unit(
            seen=row.seen,
            bad=row.bad,
            first=row.first,
            arm=row.arm,
            percent=row.percent,
            cost=row.cost,
            is_unpriced=bool(row.is_unpriced),
            is_closed=bool(row.is_closed),
        )
        for row in kept
    }


def _put(connection: Connection, rollout: str, units: Mapping[int, Unit], changes: Changes) -> None:
    store.put_units(
        connection,
        rollout,
        [
            store.UnitRow(
                number, unit.seen, unit.bad, unit.first, unit.arm, unit.percent, unit.cost,
                int(unit.is_unpriced), int(unit.is_closed),
            )
            for number, unit in units.items()
        ],
    )  # fmt: skip
    store.add_counts(
        connection,
        rollout,
        [
            store.CountRow(*place, each.units, each.bad, each.sums.n, each.sums.total, each.sums.squares)
            for place, each in changes.counts.items()
        ],
    )


def _as_counts(row: CountRow | None) -> Counts:
    return Counts() if row is None else Counts(row.units, row.bad, Sums(row.n, row.total, int(row.squares)))
