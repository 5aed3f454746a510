"""The rows of evidence: calls that wait to be counted, what is kept of each unit, and what they add up to."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes.store import days, rows
from registry.outcomes.store import series as dimensions
from registry.outcomes.store.folding import CHUNK, by_day, marks
from registry.outcomes.store.rows import ENDED, OTLP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.folding import Folding, Seen

MEASURED = frozenset(("canary", "control"))
NEW, COUNTED, UNFINISHED = 0, 1, 2
_WAIT = (
    "insert into waiting (rollout, due, call, arm, version, seq, token, counted) "
    "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (rollout, due, call) do nothing"
)
_KEPT = ("seen", "bad", "cost", "is_unpriced", "is_closed")
_UNIT = (
    "insert into units (rollout, unit, seen, bad, first, arm, percent, cost, is_unpriced, is_closed) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (rollout, unit) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in _KEPT)
)
_ADDED = ("units", "bad", "n", "total", "squares")
_COUNT = (
    "insert into counts (rollout, metric, percent, arm, units, bad, n, total, squares) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (rollout, metric, percent, arm) do update set "
    + ", ".join(f"{name} = counts.{name} + excluded.{name}" for name in _ADDED)
)


class Waiting(NamedTuple):
    """A call that waits to be counted, as its client said where it belongs.

    `counted` is one of `NEW`, `COUNTED` (something was said of it since) and `UNFINISHED` (it had not ended
    when it was looked at).
    """

    due: int
    call: bytes
    arm: str
    version: str
    seq: int
    token: str
    counted: int


class UnitRow(NamedTuple):
    """What is kept of a unit."""

    unit: int
    seen: int
    bad: int
    first: int
    arm: str
    percent: float
    cost: int
    is_unpriced: int
    is_closed: int


class CountRow(NamedTuple):
    """What the units of an arm add up to, of a metric, at a step."""

    metric: str
    percent: float
    arm: str
    units: int
    bad: int
    n: int
    total: int
    squares: int


@dataclass(slots=True)
class Summary:
    """A rollout that is counted.

    Attributes:
        newest: the arrival of its newest measured call, in milliseconds since 1970; 0: none came.
        misassigned: calls that claimed what is not theirs.
        greatest: of each metric, the greatest ln E so far.
        tokens: calls by the id of the token that sent them.
    """

    environment: str
    prompt: str
    newest: int = 0
    misassigned: int = 0
    greatest: dict[str, float] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)


def wait(folding: Folding, changed: Mapping[bytes, Seen]) -> None:
    """Let calls of rollouts wait to be counted: new ones, and those of which more is known now."""
    folding.connection.execute_each(_WAIT, list(_waiting(changed)))


def _waiting(changed: Mapping[bytes, Seen]) -> Iterator[Sequence[object]]:
    for key, call in changed.items():
        entry = call.entry
        get = entry.get
        if "unit" in entry and get("arm") in MEASURED and not entry["state"] & OTLP and get("rollout"):
            counted = COUNTED if call.before is not None and call.before.state & ENDED else NEW
            yield (
                entry["rollout"], entry["at"], key, entry["arm"], get("version") or "", get("seq") or 0,
                call.token, counted,
            )  # fmt: skip


def wait_again(folding: Folding, keys: Iterable[bytes], now: int) -> None:
    """Let calls be looked at again, as something was said of them after they were counted.

    Args:
        folding: the transaction.
        keys: the calls.
        now: milliseconds since 1970.
    """
    measured = [row for row in folding.calls(keys) if row.unit is not None and not row.state & OTLP]
    by_number = dimensions.load(folding.connection, {row.series for row in measured})
    folding.connection.execute_each(
        _WAIT,
        [
            (series.rollout, now, row.call, series.arm, series.version, _seq(row), "", COUNTED)
            for row in measured
            if (series := by_number[row.series]).rollout and series.arm in MEASURED
        ],
    )


def _seq(row: rows.Row) -> int:
    return int(json.loads(row.extra).get("seq", 0)) if row.extra else 0


def watch(connection: Connection, rollout: str, environment: str, prompt: str) -> Summary:
    """Return the summary of a rollout, after making it if it is new."""
    connection.execute(
        "insert into rollouts (rollout, environment, prompt, newest, misassigned, greatest, tokens, ended) "
        "values (?, ?, ?, 0, 0, '{}', '{}', null) on conflict (rollout) do nothing",
        (rollout, environment, prompt),
    )
    found = summary(connection, rollout)
    return found or Summary(environment, prompt)


def summary(connection: Connection, rollout: str) -> Summary | None:
    """Return the summary of a rollout; None: it is not counted."""
    found = connection.fetch(
        "select environment, prompt, newest, misassigned, greatest, tokens from rollouts where rollout = ?",
        (rollout,),
    )
    if not found:
        return None
    environment, prompt, newest, misassigned, greatest, tokens = found[0]
    return Summary(
        environment, prompt, newest, misassigned, json.loads(greatest), Counter(json.loads(tokens))
    )


def put_summary(connection: Connection, rollout: str, found: Summary) -> None:
    """Write the summary of a rollout."""
    connection.execute(
        "update rollouts set newest = ?, misassigned = ?, greatest = ?, tokens = ? where rollout = ?",
        (found.newest, found.misassigned, json.dumps(found.greatest), json.dumps(found.tokens), rollout),
    )


def due(connection: Connection, rollout: str, before: int, limit: int) -> list[Waiting]:
    """Return calls of a rollout that are due before a time, the oldest first."""
    columns = ", ".join(Waiting._fields)
    found = connection.fetch(
        f"select {columns} from waiting where rollout = ? and due <= ? order by due limit ?",
        (rollout, before, limit),
    )
    return [Waiting(*row) for row in found]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call: its row, what has no column, and what was said of it.

    Attributes:
        signals: kind, name, judge, value and detail (JSON) of each.
    """

    row: rows.Row
    extra: Mapping[str, Any]
    signals: tuple[tuple[str, str, str, float | None, str | None], ...]


def facts(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, Facts]:
    """Return what is known of calls, of those that are there."""
    found: dict[bytes, Facts] = {}
    there = set(days.listed(connection))
    columns = ", ".join(rows.Row._fields)
    for day, part in by_day(keys):
        if day not in there:
            continue
        said: dict[bytes, list[Any]] = {}
        for key, *signal in connection.fetch(
            f"select call, kind, name, judge, value, detail from signals where call in ({marks(part)})", part
        ):
            said.setdefault(key, []).append(tuple(signal))
        for values in connection.fetch(
            f"select {columns} from {days.calls(day)} where call in ({marks(part)})", part
        ):
            row = rows.Row(*values)
            extra = json.loads(row.extra) if row.extra else {}
            found[row.call] = Facts(row, extra, tuple(said.get(row.call, ())))
    return found


def units(connection: Connection, rollout: str, numbers: Iterable[int]) -> list[UnitRow]:
    """Return what is kept of some units."""
    listed, found = sorted(set(numbers)), []
    columns = ", ".join(UnitRow._fields)
    for first in range(0, len(listed), CHUNK):
        part = listed[first : first + CHUNK]
        found += connection.fetch(
            f"select {columns} from units where rollout = ? and unit in ({marks(part)})", (rollout, *part)
        )
    return [UnitRow(*row) for row in found]


def open_units(connection: Connection, rollout: str, before: int, limit: int) -> list[UnitRow]:
    """Return units whose cost is not counted, and that began before a time."""
    columns = ", ".join(UnitRow._fields)
    found = connection.fetch(
        f"select {columns} from units where rollout = ? and first < ? and is_closed = 0 limit ?",
        (rollout, before, limit),
    )
    return [UnitRow(*row) for row in found]


def put_units(connection: Connection, rollout: str, kept: Iterable[UnitRow]) -> None:
    """Write what is kept of units."""
    connection.execute_each(_UNIT, [(rollout, *row) for row in kept])


def add_counts(connection: Connection, rollout: str, added: Iterable[CountRow]) -> None:
    """Add to what units add up to."""
    connection.execute_each(_COUNT, [(rollout, *row) for row in added])


def counts(connection: Connection, rollout: str) -> list[CountRow]:
    """Return what the units of a rollout add up to."""
    columns = ", ".join(CountRow._fields)
    found = connection.fetch(f"select {columns} from counts where rollout = ?", (rollout,))
    return [CountRow(*row) for row in found]


class Recount(NamedTuple):
    """Units of an arm that have the same bits, and what those whose cost was counted add up to."""

    arm: str
    seen: int
    bad: int
    units: int
    n: int
    total: int


def recount(connection: Connection, rollout: str, cap: int) -> list[Recount]:
    """Add the units of a rollout up again; `cap`: the most that a unit costs, in micro-dollars."""
    micro = "(cost + 500) / 1000"
    counted = "is_closed = 1 and is_unpriced = 0"
    capped = f"case when {micro} > ? then ? else {micro} end"
    found = connection.fetch(
        f"select arm, seen, bad, count(*), sum(case when {counted} then 1 else 0 end), "
        f"sum(case when {counted} then {capped} else 0 end) from units where rollout = ? "
        "group by arm, seen, bad",
        (cap, cap, rollout),
    )
    return [Recount(*row) for row in found]


def settle(
    connection: Connection, rollout: str, done: Iterable[Waiting], again: Iterable[tuple[int, Waiting]]
) -> None:
    """Take calls out of those that wait, and let those that had not ended wait until another time."""
    connection.execute_each(
        "delete from waiting where rollout = ? and due = ? and call = ?",
        [(rollout, each.due, each.call) for each in done],
    )
    connection.execute_each(
        _WAIT, [(rollout, at, *each._replace(counted=UNFINISHED)[1:]) for at, each in again]
    )
