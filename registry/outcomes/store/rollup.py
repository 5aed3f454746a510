"""Sums of calls by hour and day. What a call adds follows from its row, so a correction is a difference.

They are kept of each series, and of the outlines of series, of which there are few: a question about no more
than an outline has reads a tenth of the rows. The grain of outlines is negative.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from registry.outcomes import histogram
from registry.outcomes.prices import SENDER
from registry.outcomes.store import series as dimensions
from registry.outcomes.store.rows import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.rows import Row
    from registry.outcomes.store.series import Series

HOUR, DAY = 3600, 86_400  # the grains, in seconds
SUMS = ("calls", "errors", "input", "output", "cached", "reasoning", "cost", "unpriced")
HISTOGRAMS = ("durations", "ttfts")
_COLUMNS = ("grain", "start", "series", *SUMS, *HISTOGRAMS)
_INSERT = (
    f"insert into rollups ({', '.join(_COLUMNS)}) values ({', '.join('?' * len(_COLUMNS))}) "
    "on conflict (grain, start, series) do update set "
    + ", ".join(f"{name} = rollups.{name} + excluded.{name}" for name in SUMS)
    + "".join(f", {name} = excluded.{name}" for name in HISTOGRAMS)
)
_TALLY = (
    "insert into tallies (grain, start, series, name, n, total) values (?, ?, ?, ?, ?, ?) "
    "on conflict (grain, start, series, name) do update set n = tallies.n + excluded.n, "
    "total = tallies.total + excluded.total"
)


def grain_of(seconds: int, asked: Iterable[str]) -> int:
    """Return the grain to read for some dimensions: that of outlines if they have them all."""
    return seconds if set(asked).intersection(dimensions.DETAILS) else -seconds


class Sums:
    """What some calls add up to."""

    __slots__ = ("durations", "totals", "ttfts")

    def __init__(self) -> None:
        self.totals = [0] * len(SUMS)
        self.durations: Counter[int] = Counter()
        self.ttfts: Counter[int] = Counter()

    def add(self, row: Row, sign: int = 1) -> None:
        """Add a call, or take it out."""
        for place, value in enumerate(contribution(row)):
            if value:
                self.totals[place] += sign * value
        if row.duration is not None:
            self.durations[histogram.bucket(row.duration)] += sign
        if row.ttft is not None:
            self.ttfts[histogram.bucket(row.ttft)] += sign

    def merge(self, other: Sums) -> None:
        """Add other sums."""
        self.totals = [mine + theirs for mine, theirs in zip(self.totals, other.totals, strict=True)]
        self.durations.update(other.durations)
        self.ttfts.update(other.ttfts)


def contribution(row: Row) -> tuple[int, ...]:
    """Return what one call adds to each of `SUMS`; a call that has only started is one without an outcome."""
    return (
        1,
        int(row.error is not None),
        row.input or 0,
        row.output or 0,
        row.cached or 0,
        row.reasoning or 0,
        row.cost or 0,
        int(is_unpriced(row)),
    )


def is_unpriced(row: Row) -> bool:
    """Return whether a call has a cost that is not known; one that failed before any token has none."""
    return bool(row.state & ENDED) and row.cost is None and (row.error is None or row.input is not None)


def tally_of_price(row: Row) -> str | None:
    """Return what a call is tallied under by where its price comes from; None: its cost is not known."""
    if row.cost is None:
        return None
    return f"price:{json.loads(row.extra).get('price', SENDER) if row.extra else SENDER}"


class Deltas:
    """The differences that one transaction makes to the sums."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int], Sums] = {}  # by hour and series
        self._tallies: Counter[tuple[int, int, str]] = Counter()
        self._totals: Counter[tuple[int, int, str]] = Counter()

    def add(self, row: Row, sign: int = 1) -> None:
        """Add a call, or take it out as it was added before."""
        place = row.booked // 1000 // HOUR * HOUR, row.series
        sums = self._sums.get(place)
        if sums is None:
            sums = self._sums[place] = Sums()
        sums.add(row, sign)

    def tally(self, start: int, series: int, name: str, total: int = 0, sign: int = 1) -> None:
        """Count something else by hour and series, such as a kind of feedback."""
        self._tallies[start, series, name] += sign
        self._totals[start, series, name] += sign * total

    def by_series(self) -> dict[int, Sums]:
        """Return them by series alone."""
        found: dict[int, Sums] = {}
        for (_, series), sums in self._sums.items():
            found.setdefault(series, Sums()).merge(sums)
        return found

    def numbers(self) -> set[int]:
        """Return the numbers of the series that are in them."""
        return {series for _, series in self._sums} | {series for _, series, _ in self._tallies}

    def flush(self, connection: Connection, known: Mapping[int, Series]) -> None:
        """Write them into the sums of hours and days; `known` has the series of all their numbers."""
        outlines = _outlines(connection, known)
        days = self.moved(lambda start, series: (start // DAY * DAY, series))
        for grain, deltas in ((HOUR, self), (DAY, days)):
            deltas.write(connection, grain)
            deltas.moved(lambda start, series: (start, outlines[series])).write(connection, -grain)

    def moved(self, place: Callable[[int, int], tuple[int, int]]) -> Deltas:
        """Return them with other starts and series."""
        moved = Deltas()
        for at, sums in self._sums.items():
            moved._sums.setdefault(place(*at), Sums()).merge(sums)
        for (start, series, name), n in self._tallies.items():
            there = (*place(start, series), name)
            moved._tallies[there] += n
            moved._totals[there] += self._totals[start, series, name]
        return moved

    def write(self, connection: Connection, grain: int) -> None:
        """Write them into the sums of one grain."""
        connection.execute_each(_INSERT, list(_rows(connection, grain, self._sums)))
        tallies = [(grain, *place, n, self._totals[place]) for place, n in self._tallies.items()]
        connection.execute_each(_TALLY, tallies)


def _outlines(connection: Connection, known: Mapping[int, Series]) -> dict[int, int]:
    """Return the numbers of the outlines of some series, which are in the table then."""
    outlines = {number: series.outline() for number, series in known.items()}
    numbers = {outline: outline.number() for outline in set(outlines.values())}
    dimensions.write(connection, numbers)
    return {number: numbers[outline] for number, outline in outlines.items()}


def _rows(
    connection: Connection, grain: int, sums_of: dict[tuple[int, int], Sums]
) -> Iterator[Sequence[Any]]:
    """Return the rows to add, with the histograms of what is there already."""
    there = _histograms(connection, grain, list(sums_of))
    for place, sums in sums_of.items():
        durations, ttfts = there.get(place, (b"", b""))
        yield (
            grain, *place, *sums.totals,
            _joined(durations, sums.durations), _joined(ttfts, sums.ttfts),
        )  # fmt: skip


def _histograms(
    connection: Connection, grain: int, places: list[tuple[int, int]]
) -> dict[tuple[int, int], tuple[bytes, bytes]]:
    found: dict[tuple[int, int], tuple[bytes, bytes]] = {}
    by_start: dict[int, list[int]] = {}
    for start, series in places:
        by_start.setdefault(start, []).append(series)
    for start, numbers in by_start.items():
        for first in range(0, len(numbers), 500):
            part = numbers[first : first + 500]
            rows = connection.fetch(
                "select series, durations, ttfts from rollups where grain = ? and start = ? "
                f"and series in ({','.join('?' * len(part))})",
                (grain, start, *part),
            )
            found |= {(start, row[0]): (row[1] or b"", row[2] or b"") for row in rows}
    return found


def _joined(there: bytes, added: Counter[int]) -> bytes | None:
    if not added:
        return there or None
    counts = histogram.decode(there)
    counts.update(added)
    return histogram.encode(counts)
