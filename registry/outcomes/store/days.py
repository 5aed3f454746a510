"""Tables of a day: made when its first call comes, dropped whole when it is too old."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from registry.outcomes.call import DAY_MS
from registry.outcomes.store.database import statements

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection


FAR = 2**62  # later than any time
KEPT = -1  # in the place of a day: the calls that outlive theirs


def name_of(day: int) -> str:
    """Return the ending of a day's tables, such as 20261129."""
    if day == KEPT:
        return "kept"
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).strftime("%Y%m%d")


def calls(day: int) -> str:
    """Return the table of a day's calls."""
    return f"calls_{name_of(day)}"


def bodies(day: int) -> str:
    """Return the table of their content."""
    return f"bodies_{name_of(day)}"


def listed(connection: Connection) -> list[int]:
    """Return the days that have tables, newest first."""
    return [day for (day,) in connection.fetch("select day from days order by day desc")]


def create(connection: Connection, day: int) -> None:
    """Make a day's tables."""
    connection.execute("insert into days (day, first, last) values (?, ?, 0)", (day, FAR))
    for statement in statements(_script(), {**connection.words, "day": name_of(day)}):
        connection.execute(statement)


def widen(connection: Connection, day: int, first: int, last: int) -> None:
    """Note the times that a day's new calls are booked at."""
    connection.execute(
        "update days set first = case when first < ? then first else ? end, "
        "last = case when last > ? then last else ? end where day = ?",
        (first, first, last, last, day),
    )


def within(connection: Connection, since: int, until: int) -> list[tuple[int, int]]:
    """Return the days with calls booked in a span of time, and the last such time, the latest first."""
    found = connection.fetch(
        "select day, last from days where last >= ? and first < ? order by last desc", (since, until)
    )
    return [(day, last) for day, last in found]


def first(connection: Connection) -> int:
    """Return the first time that a call is booked at, of those that are kept; a far one without any."""
    ((found,),) = connection.fetch("select min(first) from days")
    return FAR if found is None else int(found)


def drop(connection: Connection, day: int) -> None:
    """Drop a day's tables."""
    connection.execute("delete from days where day = ?", (day,))
    for table in (calls(day), bodies(day)):
        connection.execute(f"drop table {table}")


@cache
def _script() -> str:
    return (files("registry.outcomes.store") / "schema" / "day.sql").read_text()
