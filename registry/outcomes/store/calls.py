"""Read calls: newest first by all their filters, the worst scores first, or one by its id."""

from __future__ import annotations

import heapq
import json
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.outcomes.store import days, rows
from registry.outcomes.store import series as dimensions
from registry.outcomes.store.folding import by_day, marks
from registry.outcomes.store.rollup import HOUR, grain_of
from registry.outcomes.store.rows import ENDED, ERASED, OTLP, SAMPLED, Row
from registry.outcomes.store.usage import where
from registry.system import timestamps, work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.outcomes.store.database import Connection

NANOS = 1_000_000_000
HOURS = 24  # that are looked for at once
FEW = 400  # series that are looked for one by one
COLUMNS = ", ".join(f"c.{name}" for name in Row._fields)
HIDDEN = ("state", "bucket", "unit", "subject", "conversation", "cost_nanos", "at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question for calls; times are milliseconds since 1970, `until` is not included.

    Attributes:
        where: the values of dimensions that a call must have.
        error: `any`, or a class.
        conversations: the numbers that its conversation may have; none: any.
        signal: kind and name of what must have been said of it.
        below: with a score's name as `signal`: only scores below, the worst first.
        after: where the page before ended.
    """

    environment: str
    since: int = 0
    until: int = days.FAR
    where: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    conversations: tuple[int, ...] = ()
    signal: tuple[str, str] | None = None
    below: float | None = None
    limit: int = 50
    after: tuple[float, str] | None = None

    def condition(self) -> tuple[str, list[object]]:
        """Return what a call `c` of a series `s` must be, and the values in it."""
        series, values = where(self.where)
        text, found = f"s.environment = ? and c.booked >= ? and c.booked < ?{series}", [
            self.environment, self.since, self.until, *values,
        ]  # fmt: skip
        if self.error == "any":
            text += " and c.error is not null"
        elif self.error:
            text, found = f"{text} and c.error = ?", [*found, self.error]
        if self.conversations:
            text += f" and c.conversation in ({marks(self.conversations)})"
        return text, [*found, *self.conversations]


def with_conversations(query: Query, numbers: tuple[int, ...]) -> Query:
    """Return a question for calls of conversations alone, if there are any."""
    return replace(query, conversations=numbers)


def find(connection: Connection, query: Query) -> tuple[list[dict[str, Any]], tuple[float, str] | None]:
    """Return a page of calls, and where it ended if there may be more."""
    ordered = _said(connection, query, query.signal) if query.signal else _newest(connection, query)
    found: list[Row] = []
    ends: list[tuple[float, str]] = []
    for place, row in ordered:
        if len(found) == query.limit:
            return _shown(connection, found), ends[-1]
        found.append(row)
        ends.append((place, row.call.hex()))
    return _shown(connection, found), None


def one(connection: Connection, environment: str, identifier: str, *, content: bool) -> dict[str, Any] | None:
    """Return a call by its id; None if there is none in that environment."""
    found = [
        row for _, row in _rows(connection, [rows.call_key(identifier)], "s.environment = ?", [environment])
    ]
    if not found:
        return None
    if content:
        return with_content(connection, environment, [row.call for row in found])[0]
    return _shown(connection, found)[0]


def with_content(connection: Connection, environment: str, keys: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return calls by their ids, each with its content."""
    by_key = dict(_rows(connection, keys, "s.environment = ?", [environment]))
    found = [by_key[key] for key in keys if key in by_key]
    content = bodies(connection, keys)
    return [
        {**call, **content.get(row.call, {})}
        for call, row in zip(_shown(connection, found), found, strict=True)
    ]


def _newest(connection: Connection, query: Query) -> Iterator[tuple[float, Row]]:
    """Yield calls by the time that they are booked at, the newest first."""
    for since, until in _spans(connection, query):
        yield from _within(connection, replace(query, since=since, until=until))
        work.check()


def _spans(connection: Connection, query: Query) -> Iterator[tuple[int, int]]:
    """Yield the spans of time to look into, the latest first: the hours that sums say have such calls.

    So that a prompt of which there are few calls is not looked for among millions. Conversations and errors
    have an index.
    """
    until = min(query.until, int(query.after[0]) + 1) if query.after else query.until
    if query.conversations or query.error:
        yield query.since, until
        return
    condition, values = _among(connection, query)
    since = max(query.since, days.first(connection))  # sums are kept longer than calls
    last = until // 1000
    grain = grain_of(HOUR, dict(query.where))
    while True:
        found = connection.fetch(
            "select r.start from rollups r join series s on s.series = r.series where r.grain = ? "
            f"and r.start > ? and r.start <= ? and {condition} "
            "group by r.start order by r.start desc limit ?",
            (grain, since // 1000 - HOUR, last, *values, HOURS),
        )
        for (start,) in found:
            yield max(since, start * 1000), min(until, (start + HOUR) * 1000)
        if len(found) < HOURS:
            return
        last = found[-1][0] - 1


def _among(connection: Connection, query: Query) -> tuple[str, list[Any]]:
    """Return the condition that sums `r` of a series `s` are of a question's calls, and the values in it."""
    condition, values = where(query.where)
    named, values = f"s.environment = ?{condition}", [query.environment, *values]
    found = connection.fetch(f"select s.series from series s where {named} limit ?", (*values, FEW + 1))
    if len(found) > FEW:
        return named, values
    if not found:
        return "1 = 0", []
    return f"r.series in ({marks(found)})", [number for (number,) in found]


def _within(connection: Connection, query: Query) -> Iterator[tuple[float, Row]]:
    """Yield the calls of a span of time, which tables of several days may have."""
    waiting: list[tuple[int, bytes, Row]] = []  # found, but a table that is not read yet may have newer ones
    for day, last in days.within(connection, query.since, query.until):
        while waiting and -waiting[0][0] > last:
            place, _, row = heapq.heappop(waiting)
            yield -place, row
        for row in _of_day(connection, query, day):
            heapq.heappush(waiting, (-row.booked, bytes(255 - byte for byte in row.call), row))
    while waiting:
        place, _, row = heapq.heappop(waiting)
        yield -place, row


def _of_day(connection: Connection, query: Query, day: int) -> Iterator[Row]:
    condition, values = query.condition()
    if query.after:
        booked, call = int(query.after[0]), bytes.fromhex(query.after[1])
        condition += " and (c.booked < ? or (c.booked = ? and c.call < ?))"
        values += [booked, booked, call]
    found = connection.fetch(
        f"select {COLUMNS} from {days.calls(day)} c join series s on s.series = c.series "
        f"where {condition} order by c.booked desc, c.call desc limit ?",
        (*values, query.limit + 1),
    )
    yield from (Row(*row) for row in found)


def _said(connection: Connection, query: Query, signal: tuple[str, str]) -> Iterator[tuple[float, Row]]:
    """Yield calls by what was said of them: the worst score first, else what was said last."""
    condition, values = query.condition()
    for keys in _signals(connection, query, signal):
        order = {key: place for place, key in keys}
        by_key = dict(_rows(connection, list(order), condition, values))
        yield from ((place, by_key[key]) for key, place in order.items() if key in by_key)
        work.check()


def _signals(
    connection: Connection, query: Query, signal: tuple[str, str]
) -> Iterator[list[tuple[float, bytes]]]:
    """Yield the calls that something was said of, in order, some at once."""
    column, order, beyond = ("value", "asc", ">") if query.below is not None else ("at", "desc", "<")
    condition, values = ("and value < ?", [query.below]) if query.below is not None else ("", [])
    after = (query.after[0], bytes.fromhex(query.after[1])) if query.after else None
    size = 2 * query.limit + 1
    while True:
        later, place = (
            (
                f"and ({column} {beyond} ? or ({column} = ? and call {beyond} ?))",
                [after[0], after[0], after[1]],
            )
            if after
            else ("", [])
        )
        found = connection.fetch(
            f"select {column}, call from signals where environment = ? and kind = ? and name = ? "
            f"and series is not null {condition} {later} order by {column} {order}, call {order} limit ?",
            (query.environment, *signal, *values, *place, size),
        )
        yield [(row[0], row[1]) for row in found]
        if len(found) < size:
            return
        after = found[-1][0], found[-1][1]


def _rows(
    connection: Connection, keys: Sequence[bytes], condition: str, values: Sequence[object]
) -> Iterator[tuple[bytes, Row]]:
    """Yield calls by their ids, if they meet a condition."""
    for day, part in _places(connection, keys):
        found = connection.fetch(
            f"select {COLUMNS} from {days.calls(day)} c join series s on s.series = c.series "
            f"where c.call in ({marks(part)}) and {condition}",
            (*part, *values),
        )
        yield from ((row[0], Row(*row)) for row in found)


def _places(connection: Connection, keys: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Yield the days whose tables have calls; of a day that is dropped, some are kept."""
    there = set(days.listed(connection))
    yield from ((day if day in there else days.KEPT, part) for day, part in by_day(keys))


def bodies(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
    """Return the content of calls, of those that have any."""
    found: dict[bytes, dict[str, Any]] = {}
    for day, part in _places(connection, keys):
        listed = connection.fetch(
            f"select call, body from {days.bodies(day)} where call in ({marks(part)})",
            part,
        )
        found |= {key: json.loads(zlib.decompress(body)) for key, body in listed}
    return found


def _shown(connection: Connection, found: Sequence[Row]) -> list[dict[str, Any]]:
    """Return calls as the API shows them, with what was said of each."""
    by_number = dimensions.load(connection, {row.series for row in found})
    said = _signals_of(connection, [row.call for row in found])
    return [
        {
            **shown(row, by_number[row.series]),
            **said.get(row.call, {"feedback": [], "scores": [], "flags": []}),
        }
        for row in found
    ]


def shown(row: Row, series: dimensions.Series) -> dict[str, Any]:
    """Return a call as the API shows it, without content and identities."""
    entry = rows.entry(row, series)
    plain = {name: value for name, value in entry.items() if name not in HIDDEN and name != "flags"}
    if "tool_calls" in plain:
        plain["tool_calls"] = [{"name": name, "error": error} for name, error in plain["tool_calls"]]
    return {
        "id": entry["id"],
        "at": _time(row.at),
        "arrived_at": _time(row.arrived),
        "environment": series.environment,
        **plain,
        "cost_usd": None if row.cost is None else row.cost / NANOS,
        "conversation": None if row.conversation is None else f"{row.conversation:016x}",
        "ended": bool(row.state & ENDED),
        "via": "otlp" if row.state & OTLP else "client",
        "sampled": bool(row.state & SAMPLED),
        "erased": bool(row.state & ERASED),
    }


def _signals_of(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, dict[str, list[Any]]]:
    found: dict[bytes, dict[str, list[Any]]] = {}
    for first in range(0, len(keys), 500):
        part = keys[first : first + 500]
        for call, kind, name, judge, value, at in connection.fetch(
            "select call, kind, name, judge, value, at from signals "
            f"where call in ({marks(part)}) and series is not null order by at, name",
            part,
        ):
            said = found.setdefault(call, {"feedback": [], "scores": [], "flags": []})
            if kind == "flag":
                said["flags"].append(name)
            elif kind == "score":
                said["scores"].append({"name": name, "value": value, "judge": judge or None, "at": _time(at)})
            else:
                said["feedback"].append({"kind": name, "value": value, "at": _time(at)})
    return found


def _time(milliseconds: int) -> str:
    return timestamps.rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC), "milliseconds")
