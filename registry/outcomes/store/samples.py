"""Samples: the calls whose content is kept, and why people are to look at them. The folder writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.outcomes.store.folding import CHUNK, marks
from registry.outcomes.store.rows import SAMPLED
from registry.review import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.folding import Folding, Seen
    from registry.review.rules import Said

COLUMNS = (
    "call", "environment", "prompt", "version", "place", "judged", "reasons", "queued", "is_done", "skips",
    "holder", "holder_name", "until",
)  # fmt: skip
WAITS, SCORED, NO_RUBRIC, NONSENSE = 0, 1, 2, 3  # `judged`


def enter(folding: Folding, changed: Mapping[bytes, Seen]) -> None:
    """Note the sampled ones among calls that changed."""
    sampled = {key: call for key, call in changed.items() if call.entry.get("state", 0) & SAMPLED}
    folding.connection.execute_each(
        f"insert into samples ({', '.join(COLUMNS)}) values ({marks(COLUMNS)}) on conflict (call) do nothing",
        [_row(key, call) for key, call in sampled.items()],
    )
    for arrived in {call.arrived for call in sampled.values()}:
        refresh(folding.connection, [key for key, c in sampled.items() if c.arrived == arrived], arrived)


def refresh(connection: Connection, keys: Iterable[bytes], at: int) -> None:
    """Note what was said of calls by now, those of them that are sampled."""
    listed = list(keys)
    for first in range(0, len(listed), CHUNK):
        _refresh(connection, listed[first : first + CHUNK], at)


def forget(connection: Connection, keys: Sequence[bytes]) -> None:
    """Forget calls whose content is gone."""
    connection.execute(f"delete from samples where call in ({marks(keys)})", keys)


def _row(key: bytes, call: Seen) -> tuple[object, ...]:
    named = call.entry.get("prompt"), call.entry.get("version")
    return (key, call.environment, *named, rules.place(key), WAITS, 0, 0, 0, 0, "", "", 0)


def _refresh(connection: Connection, keys: Sequence[bytes], at: int) -> None:
    found = connection.fetch(
        f"select call, judged, reasons, queued from samples where call in ({marks(keys)})", keys
    )
    if not found:
        return
    said: dict[bytes, list[Said]] = {call: [] for call, *_ in found}
    for call, *signal in connection.fetch(
        f"select call, kind, name, value from signals where call in ({marks(found)}) and series is not null",
        list(said),
    ):
        said[call].append((signal[0], signal[1], signal[2]))
    connection.execute_each(
        "update samples set judged = ?, reasons = ?, queued = ? where call = ?",
        [row for before in found if (row := _changed(before, said[before[0]], at))],
    )


def _changed(before: Sequence[Any], said: Sequence[Said], at: int) -> tuple[object, ...] | None:
    """Return what a sample is now, if it changes; a reason stays when what it came from is replaced."""
    call, judged, reasons, queued = before
    now = reasons | rules.reasons(call, said)
    is_scored = SCORED if judged == WAITS and any(kind == "score" for kind, *_ in said) else judged
    if (now, is_scored) == (reasons, judged):
        return None
    return is_scored, now, queued or (at if now else 0), call
