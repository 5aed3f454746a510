"""Retention: days' tables are dropped whole, sums by hour after 90 days, sums by day after two years."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.outcomes.call import DAY_MS
from registry.outcomes.store import days, evidence, held_calls
from registry.outcomes.store.fold import hold_lease
from registry.outcomes.store.folding import oldest_day
from registry.outcomes.store.rollup import DAY, HOUR
from registry.outcomes.store.settle import ASIDE, KEPT_MS

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection, Database

EVERY_MS = 600_000
HOURS_DAYS = 90
DAYS_DAYS = 730
BATCHES_DAYS = 7  # a batch is not sent again after so long; its calls would still count once
LABELS_DAYS = 730  # their verdicts, with which judges are compared
JUDGING_DAYS = 90
WAITING_DAYS = 1  # what was said before its call came
ARRIVALS_DAYS = 62  # which the longest budget, of a month, needs, and one before it
TOTALS_DAYS = 90  # since the last call of a version: metrics do not show it any more
_ENDED = "rollout in (select rollout from rollouts where ended < ?)"
ROWS = 10_000  # deleted in one transaction: some 20 ms


class Retention:
    """Deletes what is too old, now and then.

    Args:
        database: the database.
        keep: the days that calls are kept.
        holder: the folder's name in the lease: only one process does this.
    """

    def __init__(self, database: Database, *, keep: int, holder: str) -> None:
        self._database = database
        self._keep = keep
        self._holder = holder
        self._next = 0

    def tend(self, now: int) -> None:
        """Delete what is too old, if it is time to. Raises Unavailable."""
        if now < self._next:
            return
        self._next = now + EVERY_MS
        while self._database.write(lambda connection: self._step(connection, now)):
            pass

    def _step(self, connection: Connection, now: int) -> bool:
        """Delete a bounded part; return whether there may be more."""
        if not hold_lease(connection, self._holder, now):
            return False
        old = [day for day in days.listed(connection) if day < oldest_day(now, self._keep)]
        if old:
            held_calls.keep(connection, old[-1])
            days.drop(connection, old[-1])
            return True
        held_calls.tend(connection)
        held_calls.unsay(connection, now - self._keep * DAY_MS)
        return any(_delete(connection, *rule) for rule in _rules(now, self._keep))


def _rules(now: int, keep: int) -> list[tuple[str, str, str, int]]:
    """Return what is deleted: a table, its key, a condition, and the value in it."""
    seconds = now // 1000
    sums = [
        (
            table,
            "grain, start, series" + (", name" if table == "tallies" else ""),
            f"grain = {grain} and start < ?",
            seconds - kept * DAY,
        )
        for table in ("rollups", "tallies")
        for seconds_of, kept in ((HOUR, HOURS_DAYS), (DAY, DAYS_DAYS))
        for grain in (seconds_of, -seconds_of)  # of series, and of outlines
    ]
    signal = "call, kind, name, judge"
    return [
        *sums,
        ("batches", "batch", "at < ?", now - BATCHES_DAYS * DAY_MS),
        ("signals", signal, f"at < ? and {held_calls.SAID_OF_HELD}", now - keep * DAY_MS),
        ("signals", signal, "series is null and at < ?", now - WAITING_DAYS * DAY_MS),
        ("resolutions", "environment, conversation", "at < ?", now - keep * DAY_MS),
        *_traces("due is null", now - KEPT_MS),
        *_traces(f"due = {ASIDE}", now - keep * DAY_MS),
        ("claims", "call", "until < ?", now - DAY_MS),
        ("labels", "call", "at < ?", now - LABELS_DAYS * DAY_MS),
        ("judging", "environment, day", "day < ?", seconds // DAY - JUDGING_DAYS),
        ("reservations", "id", "at < ?", now - JUDGING_DAYS * DAY_MS),
        ("waiting", "rollout, due, call", "due < ?", now - keep * DAY_MS),
        ("waiting", "rollout, due, call", _ENDED, now - evidence.KEPT_DAYS * DAY_MS),
        ("units", "rollout, unit", _ENDED, now - evidence.KEPT_DAYS * DAY_MS),
        ("arrivals", "day, series", "day < ?", seconds // DAY - ARRIVALS_DAYS),
        ("totals", "environment, prompt, version, arm", "at < ?", now - TOTALS_DAYS * DAY_MS),
        ("erasures", "id", "at < ?", now - keep * DAY_MS),
    ]


def _traces(which: str, before: int) -> list[tuple[str, str, str, int]]:
    condition = f"{which} and arrived < ?"
    of_these = f"(environment, trace) in (select environment, trace from traces where {condition})"
    return [
        ("spans", "environment, trace, span, kind", of_these, before),
        ("traces", "environment, trace", condition, before),
    ]


def _delete(connection: Connection, table: str, key: str, condition: str, value: int) -> bool:
    """Delete rows, a bounded number of them; return whether there may be more."""
    return (
        connection.execute(
            f"delete from {table} where ({key}) in "
            f"(select {key} from {table} where {condition} limit {ROWS})",
            (value,),
        )
        >= ROWS
    )
