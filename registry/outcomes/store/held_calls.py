"""Calls that outlive their day: those that people are still to look at, and cases that are not in git yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.outcomes.call import DAY_MS
from registry.outcomes.store import days
from registry.outcomes.store.rows import Row

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection

MOST = 10_000  # open calls that are kept: a queue that nobody works on must not fill the disk
_COLUMNS = ", ".join(Row._fields)
_OPEN = "(s.is_done = 0 and s.reasons <> 0)"
_UNPULLED = "exists (select 1 from labels l where l.call = s.call and l.is_case = 1 and l.pulled is null)"
HELD = f"({_OPEN} or {_UNPULLED})"  # of a sample `s`
SAID_OF_HELD = (  # of a signal: nobody needs it any more
    f"not exists (select 1 from samples s where s.call = signals.call and {HELD}) "
    "and not exists (select 1 from labels l where l.call = signals.call)"
)


def keep(connection: Connection, day: int) -> None:
    """Copy what outlives a day, whose tables are about to be dropped."""
    held = f"join samples s on s.call = c.call where {HELD}"
    columns = ", ".join(f"c.{name}" for name in Row._fields)
    connection.execute(
        f"insert into {days.calls(days.KEPT)} ({_COLUMNS}) select {columns} from {days.calls(day)} c {held}"
    )
    connection.execute(
        f"insert into {days.bodies(days.KEPT)} (call, body) "
        f"select c.call, c.body from {days.bodies(day)} c {held}"
    )
    first, end = (number.to_bytes(16, "big") for number in (day * DAY_MS << 80, (day + 1) * DAY_MS << 80))
    connection.execute(
        "delete from samples where call >= ? and call < ? and call in "
        f"(select s.call from samples s where s.call >= ? and s.call < ? and not {HELD})",
        (first, end, first, end),
    )


def unsay(connection: Connection, before: int) -> None:
    """Forget what people wrote in labels that nobody needs, once their calls are gone.

    An erasure finds labels by their calls: after them it would find none. The verdicts stay.
    """
    connection.execute(
        "update labels set expected = null, note = null, tags = null "
        "where at < ? and (is_case = 0 or pulled is not null) "
        "and (expected is not null or note is not null or tags is not null)",
        (before,),
    )


def tend(connection: Connection) -> None:
    """Let go of what was kept and is not needed any more, and of the oldest beyond the bound."""
    kept = days.calls(days.KEPT)
    if not connection.fetch(f"select 1 from {kept} limit 1"):
        return
    of_kept = f"call in (select call from {kept})"
    connection.execute(
        "delete from samples where call in (select s.call from samples s "
        f"where s.{of_kept} and {_OPEN} order by s.call desc limit {MOST} offset {MOST})"
    )
    connection.execute(
        f"delete from samples where call in (select s.call from samples s where s.{of_kept} and not {HELD})"
    )
    for table in (days.bodies(days.KEPT), kept):
        connection.execute(f"delete from {table} where call not in (select call from samples)")
