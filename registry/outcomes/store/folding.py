"""One transaction of the folder: what functions that fold a kind of batch share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from registry.outcomes.call import DAY_MS
from registry.outcomes.store import days, rows, totals
from registry.outcomes.store import series as dimensions
from registry.outcomes.store.arrivals import Arrivals
from registry.outcomes.store.rollup import HOUR, Deltas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.rows import Row
    from registry.outcomes.store.series import Series, SeriesTable

    Priced = tuple[int, str]  # nano-dollars, and the source of the price
    Price = Callable[[Mapping[str, Any]], Priced | None]

T = TypeVar("T")

CHUNK = 500  # values in one statement


@dataclass(slots=True)
class Seen:
    """A call as this transaction knows it: as it was, and as it is now."""

    environment: str
    booked: int
    arrived: int
    entry: Mapping[str, Any]
    before: Row | None = None
    is_changed: bool = False
    token: str = ""


class Folding:
    """One transaction: its connection, and the differences that it makes.

    Args:
        connection: the transaction.
        series: the folder's, which outlive a transaction.
        price: prices a call whose sender did not.
        oldest: the first day that is still kept.
    """

    def __init__(self, connection: Connection, series: SeriesTable, price: Price, oldest: int) -> None:
        self.connection = connection
        self.price = price
        self.deltas = Deltas()
        self.arrivals = Arrivals()
        self.left_out: Counter[tuple[str, str]] = Counter()  # by environment and what it was
        self._series = series
        self._oldest = oldest
        self._days = set(days.listed(connection))

    def has_day(self, day: int, *, create: bool = False) -> bool:
        """Return whether there are tables of a day, after making them if wanted and not too old."""
        if day not in self._days and create and day >= self._oldest:
            days.create(self.connection, day)
            self._days.add(day)
        return day in self._days

    def newest_days(self) -> list[int]:
        """Return the days that have tables, newest first."""
        return sorted(self._days, reverse=True)

    def number(self, series: Series, booked: int) -> int:
        """Return the number of a series for a call booked at a time, `other` beyond the bound."""
        number, within = self._series.number(series, booked // 60_000)
        if not within:
            self.left_out[series.environment, "other"] += 1
        return number

    def calls(self, keys: Iterable[bytes]) -> Iterator[Row]:
        """Yield the calls that are there among some keys."""
        for day, part in by_day(keys):
            if self.has_day(day):
                found = self.connection.fetch(
                    f"select {COLUMNS} from {days.calls(day)} where call in ({marks(part)})",
                    part,
                )
                yield from (rows.Row(*row) for row in found)

    def flush_series(self) -> None:
        """Write the series that are new, so that what is folded next finds them."""
        self._series.flush(self.connection)

    def flush(self, now: int) -> None:
        """Write what was gathered."""
        known = dimensions.load(self.connection, self.deltas.numbers())
        self.deltas.flush(self.connection, known)
        self.arrivals.flush(self.connection)
        totals.add(self.connection, self.deltas.by_series(), known, now)
        self.connection.execute_each(
            "insert into counters (environment, name, n, at) values (?, ?, ?, ?) "
            "on conflict (environment, name) do update set n = counters.n + excluded.n, at = excluded.at",
            [(*place, n, now) for place, n in self.left_out.items() if n],
        )


COLUMNS = ", ".join(rows.Row._fields)


def by_day(keys: Iterable[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Yield keys of calls by the day that they are kept on, in chunks of what one statement takes."""
    found: dict[int, list[bytes]] = {}
    for key in keys:
        found.setdefault(rows.day_of(key), []).append(key)
    for day, listed in found.items():
        for part in parts(listed):
            yield day, part


def marks(values: Sequence[object]) -> str:
    """Return a `?` for each value."""
    return ",".join("?" * len(values))


def pairs(values: Sequence[tuple[object, object]]) -> Iterator[tuple[str, list[object]]]:
    """Yield pairs in parts, each as marks for `values` and the values themselves."""
    for first in range(0, len(values), CHUNK):
        part = values[first : first + CHUNK]
        yield ",".join(["(?, ?)"] * len(part)), [one for pair in part for one in pair]


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield values in parts that fit into one statement."""
    listed = list(values)
    yield from (listed[first : first + CHUNK] for first in range(0, len(listed), CHUNK))


def hour_of(booked: int) -> int:
    """Return the start of the hour of a time in milliseconds, in seconds."""
    return booked // 1000 // HOUR * HOUR


def oldest_day(now: int, keep: int) -> int:
    """Return the first day that is kept, of `keep` days before now."""
    return now // DAY_MS - keep
