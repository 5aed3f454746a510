"""The rows of evidence: what is kept of each unit of a rollout, and what the units add up to."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes.store import days, rows
from registry.outcomes.store.folding import by_day, marks, pairs, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.outcomes.store.database import Connection

KEPT_DAYS = 30
"""Days after the end of a rollout in which its units are kept, for whoever verifies."""

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
_SUMMARY = (
    "insert into rollouts (rollout, environment, prompt, newest, misassigned, tokens, revision, greatest) "
    "values (?, ?, ?, ?, ?, ?, ?, '{}') on conflict (rollout) do update set newest = excluded.newest, "
    "misassigned = excluded.misassigned, tokens = excluded.tokens, revision = excluded.revision"
)


class UnitRow(NamedTuple):
    """What is kept of a unit of a rollout."""

    rollout: str
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
    """What the units of an arm of a rollout add up to, of a metric, at a step."""

    rollout: str
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
        ended: when the rollout was over, in milliseconds since 1970; None: it is not, as far as is known.
    """

    environment: str
    prompt: str
    newest: int = 0
    misassigned: int = 0
    greatest: dict[str, float] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)
    ended: int | None = None


def summaries(connection: Connection, rollouts: Iterable[str]) -> dict[str, Summary]:
    """Return the summaries of those of some rollouts that are counted."""
    found = {}
    for part in parts(rollouts):
        for rollout, environment, prompt, newest, misassigned, greatest, tokens, ended in connection.fetch(
            "select rollout, environment, prompt, newest, misassigned, greatest, tokens, ended "
            f"from rollouts where rollout in ({marks(part)})",
            part,
        ):
            found[rollout] = Summary(
                environment, prompt, newest, misassigned,
                json.loads(greatest), Counter(json.loads(tokens)), ended,
            )  # fmt: skip
    return found


def put_summaries(connection: Connection, changed: Mapping[str, Summary]) -> None:
    """Write what was counted, as a new revision of these rollouts."""
    newest = newest_revision(connection)
    connection.execute_each(
        _SUMMARY,
        [
            (rollout, each.environment, each.prompt, each.newest, each.misassigned,
             json.dumps(each.tokens), newest + 1)
            for rollout, each in changed.items()
        ],
    )  # fmt: skip


def put_greatest(connection: Connection, greatest: Mapping[str, Mapping[str, float]]) -> None:
    """Write the greatest ln E of metrics so far, by rollout."""
    connection.execute_each(
        "update rollouts set greatest = ? where rollout = ?",
        [(json.dumps(each), rollout) for rollout, each in greatest.items()],
    )


def newest_revision(connection: Connection) -> int:
    """Return the newest revision of any rollout."""
    ((newest,),) = connection.fetch("select coalesce(max(revision), 0) from rollouts")
    return int(newest)


def news(connection: Connection, after: int) -> set[str]:
    """Return the rollouts that were changed after a revision."""
    return {name for (name,) in connection.fetch("select rollout from rollouts where revision > ?", (after,))}


def ended(connection: Connection, after: int) -> list[tuple[str, str, str]]:
    """Return rollouts that ended after a time or are not known to have: id, environment and prompt."""
    found = connection.fetch(
        "select rollout, environment, prompt from rollouts where ended is null or ended > ?", (after,)
    )
    return [(rollout, environment, prompt) for rollout, environment, prompt in found]


def end(connection: Connection, at: Mapping[str, int]) -> None:
    """Note when rollouts were over, in milliseconds since 1970."""
    connection.execute_each(
        "update rollouts set ended = ? where rollout = ? and ended is null",
        [(when, rollout) for rollout, when in at.items()],
    )


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


def units(connection: Connection, wanted: Sequence[tuple[str, int]]) -> list[UnitRow]:
    """Return what is kept of some units, each named by its rollout and number."""
    columns = ", ".join(f"u.{name}" for name in UnitRow._fields)
    found: list[tuple[Any, ...]] = []
    for values, flat in pairs(wanted):
        found += connection.fetch(
            f"with wanted (rollout, unit) as (values {values}) select {columns} from wanted "
            "cross join units u where u.rollout = wanted.rollout and u.unit = wanted.unit",
            flat,
        )
    return [UnitRow(*row) for row in found]


def open_units(connection: Connection, before: Sequence[tuple[str, int]], limit: int) -> list[UnitRow]:
    """Return units whose cost is not counted: of each rollout those that began before a time of its own."""
    columns = ", ".join(f"u.{name}" for name in UnitRow._fields)
    found: list[tuple[Any, ...]] = []
    for values, flat in pairs(before):
        found += connection.fetch(
            f"with watched (rollout, until) as (values {values}) select {columns} from watched "
            "cross join units u where u.rollout = watched.rollout and u.first < watched.until "
            "and u.is_closed = 0 limit ?",
            (*flat, limit - len(found)),
        )
        if len(found) >= limit:
            break
    return [UnitRow(*row) for row in found]


def put_units(connection: Connection, kept: Sequence[UnitRow]) -> None:
    """Write what is kept of units."""
    connection.execute_each(_UNIT, kept)


def forget(connection: Connection, environment: str, numbers: Iterable[int]) -> None:
    """Put a random unit in the place of each of some, in all rollouts of an environment."""
    for number in numbers:
        connection.execute(
            "update units set unit = ? where unit = ? "
            "and rollout in (select rollout from rollouts where environment = ?)",
            (secrets.randbits(63), number, environment),
        )


def add_counts(connection: Connection, added: Sequence[CountRow]) -> None:
    """Add to what units add up to."""
    connection.execute_each(_COUNT, added)


def counts(connection: Connection, rollouts: Iterable[str]) -> list[CountRow]:
    """Return what the units of rollouts add up to."""
    columns = ", ".join(CountRow._fields)
    found: list[tuple[Any, ...]] = []
    for part in parts(rollouts):
        found += connection.fetch(f"select {columns} from counts where rollout in ({marks(part)})", part)
    return [CountRow(*row) for row in found]
