"""What is worth a look: what waits, what was set aside, and calls that say too little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.outcomes.call import DAY_MS
from registry.outcomes.store.rollup import HOUR
from registry.outcomes.store.series import OTHER, UNKNOWN

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of outcomes; counts of calls are those of the last day.

    Attributes:
        waiting: batches in the inbox.
        aside: batches that could not be folded.
        unnamed: calls without a prompt.
        unknown: calls of a prompt or version that does not exist.
        lost: calls that name no environment.
    """

    waiting: int
    aside: int
    calls: int = 0
    unnamed: int = 0
    unknown: int = 0
    lost: int = 0


def models(connection: Connection, now: int) -> list[tuple[str, str, str, str, int]]:
    """Return environment, prompt, version, model and number of calls since yesterday, by all of these.

    The model is the one that answered, if that is known.
    """
    found = connection.fetch(
        "select s.environment, s.prompt, s.version, s.model, sum(r.calls) from rollups r "
        "join series s on s.series = r.series where r.grain = ? and r.start >= ? "
        "and s.version is not null and s.model is not null "
        "group by s.environment, s.prompt, s.version, s.model",
        (DAY_MS // 1000, (now // DAY_MS - 1) * DAY_MS // 1000),
    )
    named = [row for row in found if OTHER not in row[:4]]
    return [(str(row[0]), str(row[1]), str(row[2]), str(row[3]), int(row[4])) for row in named]


def waiting(connection: Connection) -> tuple[int, int]:
    """Return how many batches wait, and how many were set aside."""
    ((batches, aside),) = connection.fetch(
        "select (select count(*) from inbox), (select count(*) from aside)"
    )
    return int(batches), int(aside)


def read(connection: Connection, inbox: tuple[int, int], now: int) -> Health:
    """Return the state of outcomes at a time, given what is in the inbox."""
    found = connection.fetch(
        "select s.environment, s.prompt, s.version, sum(r.calls) from rollups r "
        "join series s on s.series = r.series where r.grain = ? and r.start > ? "
        "group by s.environment, s.prompt, s.version",
        (-HOUR, (now - DAY_MS) // 1000 - HOUR),
    )
    return Health(
        waiting=inbox[0],
        aside=inbox[1],
        calls=sum(int(row[3]) for row in found),
        unnamed=sum(int(row[3]) for row in found if row[1] is None),
        unknown=sum(int(row[3]) for row in found if UNKNOWN in row[1:3]),
        lost=sum(int(row[3]) for row in found if row[0] == UNKNOWN),
    )
