"""What budgets and alerts ask for: costs by arrival, and what the calls of some times add up to together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.outcomes import histogram
from registry.outcomes.alerts import Sample
from registry.outcomes.budgets import Spent
from registry.outcomes.store import days
from registry.outcomes.store.rollup import DAY, HOUR, SUMS, Sums, grain_of
from registry.outcomes.store.rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.outcomes.store.database import Connection

    Span = tuple[float, float]  # seconds since 1970

EXACT_SECONDS = 2 * HOUR  # up to which a time is summed from its calls, and not from whole hours
EXACT_CALLS = 200_000  # in it, above which it is hours all the same: reading them takes half a second
FEEDBACK = ("feedback:up", "feedback:down")


def spent(connection: Connection, scope: Mapping[str, str | None], span: Span) -> Spent:
    """Return what calls cost that arrived in a span of days.

    Args:
        connection: the database.
        scope: the environment, and what other dimensions must be; None: anything.
        span: it begins and ends at midnight UTC.
    """
    given = {name: value for name, value in scope.items() if value is not None}
    condition = "".join(f" and s.{name} = ?" for name in given)
    (row,) = connection.fetch(
        "select sum(a.cost), sum(a.calls), sum(a.unpriced) from arrivals a "
        f"join series s on s.series = a.series where a.day >= ? and a.day < ?{condition}",
        (*(int(moment) // DAY for moment in span), *given.values()),
    )
    return Spent(*(int(value or 0) for value in row))


@dataclass(slots=True)
class _Total:
    """What is added up."""

    sums: Counter[str] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)
    ttfts: Counter[int] = field(default_factory=Counter)

    def add(self, totals: Sequence[int], durations: Counter[int], ttfts: Counter[int]) -> None:
        """Add the sums of some calls."""
        self.sums.update(dict(zip(SUMS, totals, strict=True)))
        self.durations.update(durations)
        self.ttfts.update(ttfts)


def unpriced(connection: Connection, since: float) -> tuple[Spent, list[tuple[str, int]]]:
    """Return what was spent since a day, and the models whose calls had no cost, the most first.

    Args:
        connection: the database.
        since: seconds since 1970; all of its day counts.
    """
    rows = connection.fetch(
        "select s.model, sum(a.cost), sum(a.calls), sum(a.unpriced) from arrivals a "
        "join series s on s.series = a.series where a.day >= ? group by s.model",
        (int(since) // DAY,),
    )
    cost, calls, missing = (sum(int(row[place]) for row in rows) for place in (1, 2, 3))
    models = [(str(row[0] or "unknown"), int(row[3])) for row in rows if row[3]]
    return Spent(cost, calls, missing), sorted(models, key=lambda model: (-model[1], model[0]))


def sample(connection: Connection, scope: Mapping[str, str | None], spans: Sequence[Span]) -> Sample:
    """Return what the calls of some times add up to, together.

    A single time of two hours at most is exact; others are widened to whole hours, and so are ratings.
    """
    given = {name: value for name, value in scope.items() if value is not None}
    condition = "".join(f" and s.{name} = ?" for name in given)
    total, ratings = _Total(), Counter[str]()
    for span in spans:
        _add_hours(connection, total, condition, given, span)
        ratings.update(_ratings(connection, condition, given, span))
    (since, until), *more = spans
    if not more and until - since <= EXACT_SECONDS and total.sums["calls"] <= EXACT_CALLS:
        total = _Total()
        _add_calls(connection, total, condition, given, (since, until))
    sums = total.sums
    return Sample(
        calls=sums["calls"],
        errors=sums["errors"],
        nanos=sums["cost"],
        unpriced=sums["unpriced"],
        p95_ms=histogram.quantile(total.durations, 0.95),
        ttft_p95_ms=histogram.quantile(total.ttfts, 0.95),
        up=ratings["feedback:up"],
        down=ratings["feedback:down"],
    )


def _hours(span: Span) -> tuple[int, int]:
    since, until = span
    return int(since) // HOUR * HOUR, int(until) + 1


def _add_hours(
    connection: Connection, total: _Total, condition: str, given: Mapping[str, str], span: Span
) -> None:
    columns = ", ".join(f"r.{name}" for name in SUMS)
    for *totals, durations, ttfts in connection.fetch(
        f"select {columns}, r.durations, r.ttfts from rollups r join series s on s.series = r.series "
        f"where r.grain = ? and r.start >= ? and r.start < ?{condition}",
        (grain_of(HOUR, given), *_hours(span), *given.values()),
    ):
        total.add(totals, histogram.decode(durations or b""), histogram.decode(ttfts or b""))


def _add_calls(
    connection: Connection, total: _Total, condition: str, given: Mapping[str, str], span: Span
) -> None:
    since, until = (int(moment * 1000) for moment in span)
    columns = ", ".join(f"c.{name}" for name in Row._fields)
    sums = Sums()
    for day, _ in days.within(connection, since, until):
        for row in connection.fetch(
            f"select {columns} from {days.calls(day)} c join series s on s.series = c.series "
            f"where c.booked >= ? and c.booked < ?{condition}",
            (since, until, *given.values()),
        ):
            sums.add(Row(*row))
    total.add(sums.totals, sums.durations, sums.ttfts)


def _ratings(connection: Connection, condition: str, given: Mapping[str, str], span: Span) -> dict[str, int]:
    rows = connection.fetch(
        "select t.name, sum(t.n) from tallies t join series s on s.series = t.series "
        f"where t.grain = ? and t.start >= ? and t.start < ? and t.name in (?, ?){condition} group by t.name",
        (grain_of(HOUR, given), *_hours(span), *FEEDBACK, *given.values()),
    )
    return {name: int(n) for name, n in rows}
