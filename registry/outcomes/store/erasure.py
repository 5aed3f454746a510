"""Erase the identity and content of calls; their numbers stay in usage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes.store import days, evidence
from registry.outcomes.store.folding import marks, parts
from registry.outcomes.store.rows import ERASED, SAMPLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.folding import Folding
    from registry.outcomes.store.inbox import Batch

IDENTITY = ("unit", "bucket", "subject", "conversation")
COLUMNS = ("subject", "conversation")  # what a call can be erased by
_UNSAID = (  # of a label: its verdict stays, and a case that is in git
    "expected = null, note = null, tags = null, is_case = case when pulled is null then 0 else is_case end"
)


class Erased(NamedTuple):
    """How many calls were erased, and the cases in git that hold them."""

    calls: int
    cases: list[str]


def fold(folding: Folding, batches: Sequence[Batch]) -> None:
    """Fold erasures, after all that was taken in before them."""
    for batch in batches:
        for entry in batch.entries:
            _forget_spans(folding, batch.environment, entry)
            places = (*folding.newest_days(), days.KEPT)
            erased = [key for day in places for key in _erase(folding, day, batch.environment, entry)]
            if "conversation" in entry:
                folding.connection.execute(
                    "delete from resolutions where environment = ? and conversation = ?",
                    (batch.environment, entry["conversation"]),
                )
            folding.connection.execute(
                "insert into erasures (id, at, calls, cases) values (?, ?, ?, ?)",
                (batch.batch, batch.arrived, len(erased), json.dumps(_cases(folding, erased))),
            )


def done(connection: Connection, identifier: str) -> Erased | None:
    """Return what an erasure was of; None: it was not folded yet."""
    found = connection.fetch("select calls, cases from erasures where id = ?", (identifier,))
    return Erased(int(found[0][0]), json.loads(found[0][1] or "[]")) if found else None


def _erase(folding: Folding, day: int, environment: str, entry: Mapping[str, Any]) -> list[bytes]:
    """Erase what one day has; return the calls."""
    (column,) = (name for name in COLUMNS if name in entry)
    found = folding.connection.fetch(
        f"select c.call from {days.calls(day)} c join series s on s.series = c.series "
        f"where c.{column} = ? and s.environment = ?",
        (entry[column], environment),
    )
    keys = [key for (key,) in found]
    for part in parts(keys):
        evidence.forget(folding.connection, environment, _units(folding, day, part))
        _forget(folding, day, part)
    return keys


def _units(folding: Folding, day: int, keys: Sequence[bytes]) -> list[int]:
    """Return the units of calls."""
    found = folding.connection.fetch(
        f"select distinct unit from {days.calls(day)} where unit is not null and call in ({marks(keys)})",
        keys,
    )
    return [unit for (unit,) in found]


def _cases(folding: Folding, erased: Sequence[bytes]) -> list[str]:
    """Return the cases in git that hold erased calls, each as its prompt and id."""
    found: list[str] = []
    for part in parts(erased):
        listed = folding.connection.fetch(
            f"select prompt, case_id from labels where pulled is not null and call in ({marks(part)})", part
        )
        found += [f"{prompt}: {case}" for prompt, case in listed]
    return sorted(found)


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
        f"delete from samples where call in ({listed})",
        f"update labels set {_UNSAID} where call in ({listed})",
    ):
        folding.connection.execute(statement, keys)
