"""What calls of the stable version were like: latencies of the week before, and the cost of single calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.outcomes import histogram
from registry.outcomes.call import DAY_MS
from registry.outcomes.store import days
from registry.outcomes.store.rollup import HOUR

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from registry.outcomes.store.database import Connection

WEEK_MS = 7 * DAY_MS
_OF = "s.environment = ? and s.prompt = ? and s.version = ? and s.arm = 'stable'"

Version = tuple[str, str, str]  # environment, prompt, version


def latencies(connection: Connection, of: Version, now: int) -> tuple[Counter[int], Counter[int]]:
    """Return the histograms of duration and time to first token of a week; `now` in ms since 1970."""
    rows = connection.fetch(
        "select r.durations, r.ttfts from rollups r join series s on s.series = r.series "
        f"where r.grain = ? and r.start >= ? and {_OF}",
        (-HOUR, (now - WEEK_MS) // 1000, *of),
    )
    durations, ttfts = (b"".join(row[place] or b"" for row in rows) for place in (0, 1))
    return histogram.decode(durations), histogram.decode(ttfts)


def costs(connection: Connection, of: Version, now: int, most: int) -> Iterator[tuple[Any, ...]]:
    """Yield the start, subject and cost (nano-dollars) of the newest calls of a week, at most so many."""
    left = most
    for day in days.listed(connection):
        if left <= 0 or day < (now - WEEK_MS) // DAY_MS:
            return
        rows = connection.fetch(
            f"select c.at, c.subject, c.cost from {days.calls(day)} c join series s on s.series = c.series "
            f"where {_OF} order by c.booked desc limit ?",
            (*of, left),
        )
        left -= len(rows)
        yield from rows
