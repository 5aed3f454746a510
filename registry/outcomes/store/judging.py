"""What judges may spend, and did: kept to the nano-dollar, however many judge at the same time.

Before a question is asked, the most that it can cost is reserved; what it did cost takes the place of that. A
judge that is gone leaves its reservation behind: it may have been spent, so it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection


class Day(NamedTuple):
    """What judges did on a day, in nano-dollars: `reserved` is held for what is under way, or was cut off."""

    spent: int = 0
    reserved: int = 0
    scored: int = 0
    nonsense: int = 0
    failed: int = 0


class Reservation(NamedTuple):
    """What is held for one call."""

    id: str
    environment: str
    day: int
    call: bytes
    nanos: int
    at: int


def day(connection: Connection, environment: str, number: int) -> Day:
    """Return what judges did on a day (UTC, in days since 1970)."""
    found = connection.fetch(
        f"select {', '.join(Day._fields)} from judging where environment = ? and day = ?",
        (environment, number),
    )
    return Day(*map(int, found[0])) if found else Day()


def since(connection: Connection, environment: str, number: int) -> Day:
    """Return what judges did since a day, in sum."""
    columns = ", ".join(f"coalesce(sum({name}), 0)" for name in Day._fields)
    found = connection.fetch(
        f"select {columns} from judging where environment = ? and day >= ?", (environment, number)
    )
    return Day(*map(int, found[0]))


def reserve(connection: Connection, asked: Reservation, most: int | None) -> bool:
    """Hold money; False if the day's is spent. `most`: of the day, in nano-dollars; None: no limit."""
    connection.execute(
        "insert into judging (environment, day, spent, reserved, scored, nonsense, failed) "
        "values (?, ?, 0, 0, 0, 0, 0) on conflict (environment, day) do nothing",
        (asked.environment, asked.day),
    )
    condition, values = ("", []) if most is None else (" and spent + reserved + ? <= ?", [asked.nanos, most])
    if not connection.execute(
        f"update judging set reserved = reserved + ? where environment = ? and day = ?{condition}",
        (asked.nanos, asked.environment, asked.day, *values),
    ):
        return False
    connection.execute("insert into reservations values (?, ?, ?, ?, ?, ?)", asked)
    return True


def settle(connection: Connection, identifier: str, environment: str, done: Day) -> bool:
    """Put what was done in the place of a reservation; False if there is none, as after the first time."""
    found = connection.fetch(
        "select day, nanos from reservations where id = ? and environment = ?", (identifier, environment)
    )
    if not found or not connection.execute("delete from reservations where id = ?", (identifier,)):
        return False
    number, held = found[0]
    connection.execute(
        "update judging set spent = spent + ?, reserved = reserved - ?, scored = scored + ?, "
        "nonsense = nonsense + ?, failed = failed + ? where environment = ? and day = ?",
        (done.spent, held, done.scored, done.nonsense, done.failed, environment, number),
    )
    return True
