"""Periods of usage in UTC: pure arithmetic over seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE, HOUR, DAY = 60, 3600, 86_400
WEEK = 7 * DAY
FIRST_MONDAY = 4 * DAY  # 1970 began on a Thursday
FINE_SECONDS = 7 * DAY  # a span that is one period is summed from hours up to this, from days beyond


class Period(NamedTuple):
    """A kind of period: which sums it is read from, and how many periods are read at once."""

    name: str
    grain: int
    at_once: int


PERIODS = {
    period.name: period
    for period in (
        Period("minute", MINUTE, 60),
        Period("hour", HOUR, 24),
        Period("day", DAY, 31),
        Period("week", DAY, 4),
        Period("month", DAY, 1),
    )
}


def period(name: str | None, since: int, until: int) -> Period:
    """Return a period by its name; None: the whole span is one."""
    return PERIODS[name] if name else Period("", HOUR if until - since <= FINE_SECONDS else DAY, 1)


def start_of(name: str, moment: int) -> int:
    """Return the start of the period that a moment is in; a moment before 1970 is in the first."""
    if name == "week":
        return (moment - FIRST_MONDAY) // WEEK * WEEK + FIRST_MONDAY
    if name == "month":
        first = datetime.fromtimestamp(moment, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return int(first.timestamp())
    grain = PERIODS[name].grain
    return moment // grain * grain


def following(name: str, start: int) -> int:
    """Return the start of the next period."""
    if name == "week":
        return start + WEEK
    if name == "month":
        return start_of(name, start + 31 * DAY)
    return start + PERIODS[name].grain


def begin(kind: Period, since: int) -> int:
    """Return the start of the first period that is read; the whole span begins with an hour, or a day."""
    return start_of(kind.name, since) if kind.name else since // kind.grain * kind.grain


def spans(kind: Period, since: int, until: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of time to read at once: whole periods, from the one that `since` is in."""
    start = begin(kind, since)
    if not kind.name:
        yield start, until
        return
    while start < until:
        end = start
        for _ in range(kind.at_once):
            end = following(kind.name, end)
        yield start, min(end, until)
        start = end
