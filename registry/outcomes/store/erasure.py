"""Erase the identity and content of calls; their numbers stay in usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.outcomes.store import days
from registry.outcomes.store.folding import CHUNK, marks
from registry.outcomes.store.rows import ERASED, SAMPLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.folding import Folding
    from registry.outcomes.store.inbox import Batch

IDENTITY = ("unit", "bucket", "subject", "conversation")
COLUMNS = ("subject", "conversation")  # what a call can be erased by


def fold(folding: Folding, batches: Sequence[Batch]) -> None:
    """Fold erasures, after all that was taken in before them."""
    for batch in batches:
        for entry in batch.entries:
            _forget_spans(folding, batch.environment, entry)
            erased = sum(_erase(folding, day, batch.environment, entry) for day in folding.newest_days())
            if "conversation" in entry:
                folding.connection.execute(
                    "delete from resolutions where environment = ? and conversation = ?",
                    (batch.environment, entry["conversation"]),
                )
            folding.connection.execute(
                "insert into erasures (id, at, calls) values (?, ?, ?)", (batch.batch, batch.arrived, erased)
            )


def done(connection: Connection, identifier: str) -> int | None:
    """Return how many calls an erasure was of; None: it was not folded yet."""
    found = connection.fetch("select calls from erasures where id = ?", (identifier,))
    return int(found[0][0]) if found else None


def _erase(folding: Folding, day: int, environment: str, entry: Mapping[str, Any]) -> int:
    """Erase what one day has; return how many calls."""
    (column,) = (name for name in COLUMNS if name in entry)
    found = folding.connection.fetch(
        f"select c.call from {days.calls(day)} c join series s on s.series = c.series "
        f"where c.{column} = ? and s.environment = ?",
        (entry[column], environment),
    )
    keys = [key for (key,) in found]
    for first in range(0, len(keys), CHUNK):
        _forget(folding, day, keys[first : first + CHUNK])
    return len(keys)


def _forget_spans(folding: Folding, environment: str, entry: Mapping[str, Any]) -> None:
    """Forget the identities of spans, which may be read again."""
    (column,) = (name for name in COLUMNS if name in entry)
    folding.connection.execute(
        f"update spans set subject = null, conversation = null where {column} = ? and environment = ?",
        (entry[column], environment),
    )


def _forget(folding: Folding, day: int, keys: Sequence[bytes]) -> None:
    listed = marks(keys)
    nothing = ", ".join(f"{name} = null" for name in IDENTITY)
    state = f"state = (state & {~SAMPLED}) | {ERASED}"
    for statement in (
        f"update {days.calls(day)} set {nothing}, {state} where call in ({listed})",
        f"delete from {days.bodies(day)} where call in ({listed})",
        f"update signals set detail = null where call in ({listed})",
        f"delete from claims where call in ({listed})",
    ):
        folding.connection.execute(statement, keys)
