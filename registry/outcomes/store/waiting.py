"""Calls of rollouts that wait to be counted, until some time after they began."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from registry.outcomes.store import series as dimensions
from registry.outcomes.store.folding import pairs
from registry.outcomes.store.rows import ENDED, OTLP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry.outcomes.store import rows
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.folding import Folding, Seen

MEASURED = frozenset(("canary", "control"))
NEW, COUNTED, UNFINISHED = 0, 1, 2

SKEW_MS = 600_000
"""The time before its arrival in which a call can have begun: reports are sent within seconds.

What says otherwise has a clock that is wrong, or could not report for long. It counts as begun at its
arrival, so that it waits as long as others do.
"""


class Waiting(NamedTuple):
    """A call that waits to be counted, as its client said where it belongs.

    `due` is when it began, or is to be looked at again, in milliseconds since 1970. `counted` is one of
    `NEW`, `COUNTED` (something was said of it since) and `UNFINISHED` (it had not ended when it was looked
    at).
    """

    rollout: str
    due: int
    call: bytes
    arm: str
    version: str
    seq: int
    token: str
    counted: int


_COLUMNS = ", ".join(f"w.{name}" for name in Waiting._fields)
_WAIT = (
    f"insert into waiting ({', '.join(Waiting._fields)}) values (?, ?, ?, ?, ?, ?, ?, ?) "
    "on conflict (rollout, due, call) do nothing"
)


def began(at: int, arrived: int) -> int:
    """Return when a call began.

    Args:
        at: as its client says, in milliseconds since 1970.
        arrived: when the first report of it came.
    """
    return at if arrived - SKEW_MS <= at <= arrived else arrived


def wait(folding: Folding, changed: Mapping[bytes, Seen]) -> None:
    """Let calls of rollouts wait to be counted: new ones, and those of which more is known now."""
    folding.connection.execute_each(_WAIT, list(_waiting(changed)))


def _waiting(changed: Mapping[bytes, Seen]) -> Iterator[Waiting]:
    for key, call in changed.items():
        entry = call.entry
        get = entry.get
        if "unit" in entry and get("arm") in MEASURED and not entry["state"] & OTLP and get("rollout"):
            counted = COUNTED if call.before is not None and call.before.state & ENDED else NEW
            yield Waiting(
                entry["rollout"], began(entry["at"], call.arrived), key, entry["arm"],
                get("version") or "", get("seq") or 0, call.token, counted,
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
            Waiting(series.rollout, now, row.call, series.arm, series.version or "", _seq(row), "", COUNTED)
            for row in measured
            if (series := by_number[row.series]).rollout and series.arm in MEASURED
        ],
    )


def _seq(row: rows.Row) -> int:
    return int(json.loads(row.extra).get("seq", 0)) if row.extra else 0


def due(connection: Connection, before: Sequence[tuple[str, int]], limit: int) -> list[Waiting]:
    """Return calls that are due: of each rollout those that began until a time of its own."""
    found: list[Waiting] = []
    for values, flat in pairs(before):
        rows = connection.fetch(
            f"with watched (rollout, until) as (values {values}) select {_COLUMNS} from watched "
            "cross join waiting w where w.rollout = watched.rollout and w.due <= watched.until limit ?",
            (*flat, limit - len(found)),
        )
        found += [Waiting(*row) for row in rows]
        if len(found) >= limit:
            break
    return found


def settle(connection: Connection, done: Iterable[Waiting], again: Iterable[tuple[int, Waiting]]) -> None:
    """Take calls out of those that wait, and let those that had not ended wait until another time."""
    connection.execute_each(
        "delete from waiting where rollout = ? and due = ? and call = ?", [each[:3] for each in done]
    )
    connection.execute_each(_WAIT, [each._replace(due=at, counted=UNFINISHED) for at, each in again])
