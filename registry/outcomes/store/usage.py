"""Read usage: sums by period and dimensions, a page at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes import histogram
from registry.outcomes.store import days, rows
from registry.outcomes.store.periods import MINUTE, begin, period, spans, start_of
from registry.outcomes.store.rollup import HISTOGRAMS, SUMS, contribution, grain_of, tally_of_price
from registry.system import timestamps, work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from registry.outcomes.store.database import Connection

DIMENSIONS = ("prompt", "version", "arm", "rollout", "model", "provider", "route", "segment")
NANOS = 1_000_000_000
MICRO = 1_000_000
QUANTILES = {"p50": 0.5, "p95": 0.95}
MINUTE_ROWS = 2000  # of raw calls between looks at the request

Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question about usage; times are seconds since 1970, `until` is not included.

    Attributes:
        by: the dimensions of a row.
        period: of a row; None: the whole span is one.
        where: the values of dimensions that a call must have.
        after: where the page before ended: the start of a period, and how many of its rows were in it.
        totals: whether rows over all periods are read, too.
    """

    environment: str
    since: int
    until: int
    by: tuple[str, ...] = ()
    period: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    limit: int = 500
    after: tuple[int, int] | None = None
    totals: bool = False


class Page(NamedTuple):
    """A page of rows; `place` is where it ended, if there is more, `totals` what was asked for of all."""

    rows: list[dict[str, Any]]
    place: tuple[int, int] | None
    totals: list[dict[str, Any]]


@dataclass(slots=True)
class Group:
    """What one row adds up to."""

    totals: list[int] = field(default_factory=lambda: [0] * len(SUMS))
    durations: dict[int, int] = field(default_factory=dict)
    ttfts: dict[int, int] = field(default_factory=dict)
    tallies: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)

    def add(self, totals: Iterable[int]) -> None:
        """Add sums, in the order of `SUMS`; PostgreSQL's are decimals."""
        self.totals = [mine + int(its) for mine, its in zip(self.totals, totals, strict=True)]

    def merge(self, other: Group) -> None:
        """Add another one."""
        self.add(other.totals)
        self.tallies.update(other.tallies)
        self.values.update(other.values)
        for mine, its in ((self.durations, other.durations), (self.ttfts, other.ttfts)):
            for bucket, count in its.items():
                mine[bucket] = mine.get(bucket, 0) + count


Groups = dict[tuple[int, Key], Group]


def read(connection: Connection, query: Query) -> Page:
    """Return a page of rows, by period and dimensions."""
    first, skipped = query.after or (query.since, 0)
    first = max(first, _begin(query))  # an invented cursor must not reach back before `since`
    rows: list[dict[str, Any]] = []
    whole: dict[Key, Group] = {}
    place = None
    for number, start, key, group in _in_periods(connection, query, first):
        if query.totals:
            whole.setdefault(key, Group()).merge(group)
        if place is None and len(rows) == query.limit:
            place = start, number - 1
        if place is None and not (query.after and start == first and number <= skipped):
            rows.append(_shown(query, start, key, group))
        if place and not query.totals:
            break
    return Page(rows, place, _totals(query, whole))


def _in_periods(connection: Connection, query: Query, first: int) -> Iterator[tuple[int, int, Key, Group]]:
    """Yield the groups in their order: how many of their period they make, its start, and their key."""
    kind = period(query.period, query.since, query.until)
    number, current = 0, None
    for since, until in spans(kind, first, query.until):
        for (start, key), group in sorted(_groups(connection, query, since, until).items(), key=_in_order):
            number = number + 1 if start == current else 1
            current = start
            yield number, start, key, group
        work.check()


def _totals(query: Query, whole: dict[Key, Group]) -> list[dict[str, Any]]:
    """Return the rows over all periods; theirs begins with the first of these."""
    groups = {(_begin(query), key): group for key, group in whole.items()}
    return [_shown(query, start, key, group) for (start, key), group in sorted(groups.items(), key=_in_order)]


def _in_order(item: tuple[tuple[int, Key], Group]) -> tuple[int, tuple[str, ...]]:
    (start, key), _ = item
    return start, tuple(value or "" for value in key)


def _groups(connection: Connection, query: Query, since: int, until: int) -> Groups:
    kind = period(query.period, query.since, query.until)
    groups: Groups = {}
    if kind.grain == MINUTE:
        _add_calls(connection, query, since, until, groups)
        _add_feedback(connection, query, since, until, groups)
    else:
        _add_sums(connection, query, since, until, groups)
        _add_tallies(connection, query, since, until, groups)
    return {place: group for place, group in groups.items() if group.totals[0] or any(group.tallies.values())}


def _begin(query: Query) -> int:
    """Return the start of the first period, from which on calls are summed."""
    return begin(period(query.period, query.since, query.until), query.since)


def _of(groups: Groups, query: Query, start: int, key: Key) -> Group:
    place = (start_of(query.period, start) if query.period else _begin(query)), key
    group = groups.get(place)
    if group is None:
        group = groups[place] = Group()
    return group


def _add_sums(connection: Connection, query: Query, since: int, until: int, groups: Groups) -> None:
    """Add sums, which the database adds up, and histograms, which it joins."""
    grain, n = period(query.period, query.since, query.until).grain, len(SUMS)
    joined = [_joined(connection, f"r.{name}") for name in HISTOGRAMS]
    select = _select(query, "rollups", ", ".join([*(f"sum(r.{name})" for name in SUMS), *joined]))
    for start, *row in connection.fetch(*select(grain, since, until)):
        group = _of(groups, query, start, tuple(row[n + 2 :]))
        group.add(row[:n])
        histogram.add(group.durations, row[n] or b"")
        histogram.add(group.ttfts, row[n + 1] or b"")


def _add_tallies(connection: Connection, query: Query, since: int, until: int, groups: Groups) -> None:
    """Add what is counted besides calls."""
    grain = period(query.period, query.since, query.until).grain
    select = _select(query, "tallies", "r.name, sum(r.n), sum(r.total)", "r.name")
    for start, name, n, total, *key in connection.fetch(*select(grain, since, until)):
        group = _of(groups, query, start, tuple(key))
        group.tallies[name] += int(n)  # PostgreSQL's sums are decimals
        group.values[name] += int(total)


def _joined(connection: Connection, column: str) -> str:
    return f"cast({connection.words['joined']}({column}, '') as {connection.words['bytes']})"


def _select(
    query: Query, table: str, columns: str, *by: str
) -> Callable[[int, int, int], tuple[str, list[Any]]]:
    """Return what makes a query for a grain and a span: the start of a period, columns, and dimensions.

    Args:
        query: what is asked.
        table: of sums.
        columns: further ones.
        by: what they are grouped by besides period and dimensions.
    """
    condition, values = where(query.where)
    start = "r.start" if query.period else "0"
    names = [f"s.{name}" for name in query.by]
    groups = [*(["r.start"] if query.period else []), *names, *by]
    grouped = f" group by {', '.join(groups)}" if groups else ""
    text = (
        f"select {', '.join([start, columns, *names])} from {table} r join series s on s.series = r.series "
        "where r.grain = ? and r.start >= ? and r.start < ? "
        f"and s.environment = ?{condition}{grouped} having count(*) > 0"
    )
    asked = {*query.by, *dict(query.where)}
    return lambda seconds, since, until: (
        text,
        [grain_of(seconds, asked), since, until, query.environment, *values],
    )


def where(dimensions: Sequence[tuple[str, str]]) -> tuple[str, list[str]]:
    """Return the condition that a series has some values, and the values."""
    return "".join(f" and s.{name} = ?" for name, _ in dimensions), [value for _, value in dimensions]


def _add_calls(connection: Connection, query: Query, since: int, until: int, groups: Groups) -> None:
    """Add single calls, of which minutes are made."""
    condition, values = where(query.where)
    selected = "".join(f", s.{name}" for name in query.by)
    columns = ", ".join(f"c.{name}" for name in rows.Row._fields)
    n = len(rows.Row._fields)
    for day, _ in days.within(connection, since * 1000, until * 1000):
        found = connection.fetch(
            f"select {columns}{selected} from {days.calls(day)} c join series s on s.series = c.series "
            f"where c.booked >= ? and c.booked < ? and s.environment = ?{condition}",
            (since * 1000, until * 1000, query.environment, *values),
        )
        for number, each in enumerate(found):
            if number % MINUTE_ROWS == 0:
                work.check()
            row = rows.Row(*each[:n])
            group = _of(groups, query, row.booked // 1000, each[n:])
            group.add(contribution(row))
            if name := tally_of_price(row):
                group.tallies[name] += 1
            for counts, value in ((group.durations, row.duration), (group.ttfts, row.ttft)):
                if value is not None:
                    bucket = histogram.bucket(value)
                    counts[bucket] = counts.get(bucket, 0) + 1


def _add_feedback(connection: Connection, query: Query, since: int, until: int, groups: Groups) -> None:
    """Add what people said of single calls."""
    condition, values = where(query.where)
    selected = "".join(f", s.{name}" for name in query.by)
    for day, _ in days.within(connection, since * 1000, until * 1000):
        for booked, name, value, *key in connection.fetch(
            f"select c.booked, g.name, g.value{selected} from {days.calls(day)} c "
            "join series s on s.series = c.series cross join signals g "
            "where g.call = c.call and g.kind = 'feedback' and c.booked >= ? and c.booked < ? "
            f"and s.environment = ?{condition}",
            (since * 1000, until * 1000, query.environment, *values),
        ):
            group = _of(groups, query, booked // 1000, tuple(key))
            group.tallies[f"feedback:{name}"] += 1
            group.values[f"feedback:{name}"] += round((value or 0) * MICRO)


def _shown(query: Query, start: int, key: Key, group: Group) -> dict[str, Any]:
    """Return a row as the API shows it; unknown is null, never 0."""
    sums = dict(zip(SUMS, group.totals, strict=True))
    cost = None if sums["unpriced"] and not sums["cost"] else sums["cost"] / NANOS
    resolved = None if query.period == "minute" else group.tallies["resolved"]  # they are counted by hour
    return {
        "period": timestamps.rfc3339(datetime.fromtimestamp(start, UTC)),
        **dict(zip(query.by, key, strict=True)),
        "calls": sums["calls"],
        "errors": sums["errors"],
        **{f"{name}_tokens": sums[name] for name in ("input", "output", "cached", "reasoning")},
        "cost_usd": cost,
        "unpriced": sums["unpriced"],
        **_quantiles("", group.durations),
        **_quantiles("ttft_", group.ttfts),
        "feedback": _feedback(group),
        "resolutions": resolved,
        "cost_per_resolution": cost / resolved if resolved and cost is not None else None,
        "prices": {
            name.removeprefix("price:"): n
            for name, n in sorted(group.tallies.items())
            if n and name.startswith("price:")
        },
    }


def _quantiles(name: str, counts: Mapping[int, int]) -> dict[str, float | None]:
    found = zip(QUANTILES, histogram.quantiles(counts, list(QUANTILES.values())), strict=True)
    return {f"{name}{q}_ms": None if value is None else round(value, 1) for q, value in found}


def _feedback(group: Group) -> dict[str, Any]:
    """Return how often each kind was given, and of numbers how many and their mean."""
    kinds: dict[str, Any] = {
        name.removeprefix("feedback:"): n
        for name, n in sorted(group.tallies.items())
        if n and name.startswith("feedback:")
    }
    if n := kinds.pop("value", 0):
        kinds["value"] = {"count": n, "mean": round(group.values["feedback:value"] / MICRO / n, 4)}
    return kinds
