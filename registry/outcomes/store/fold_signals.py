"""Fold what is said of calls: feedback, scores, resolutions. A repeat replaces what was said before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.outcomes.store import days, rows, samples, waiting
from registry.outcomes.store import series as dimensions
from registry.outcomes.store.folding import CHUNK, hour_of, marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry.outcomes.store.folding import Folding, Seen
    from registry.outcomes.store.inbox import Batch
    from registry.outcomes.store.rows import Row

MICRO = 1_000_000  # a value of feedback is summed in millionths
RESOLVED = ("unresolved", "resolved")  # by `ok`
_PRIMARY = "call = ? and kind = ? and name = ? and judge = ?"
_PUT = (
    "insert into signals (call, kind, name, judge, environment, value, at, detail, series, start) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (call, kind, name, judge) do update set "
    "value = excluded.value, at = excluded.at, detail = excluded.detail"
)


def fold(folding: Folding, batches: Sequence[Batch]) -> None:
    """Fold batches of feedback or scores, entry by entry, as they came."""
    for batch in batches:
        keys = {rows.call_key(entry["call"]) for entry in batch.entries}
        places = dict(_places(folding, keys, batch.environment))
        for entry in batch.entries:
            key = rows.call_key(entry["call"])
            if key in places and places[key] is None:
                folding.left_out[batch.environment, "foreign_id"] += 1
            else:
                _put(folding, batch, entry, places.get(key))
        waiting.wait_again(folding, places, batch.arrived)
        own = [key for key, place in places.items() if place]
        samples.refresh(folding.connection, own, batch.arrived)


def _places(
    folding: Folding, keys: Iterable[bytes], environment: str
) -> Iterator[tuple[bytes, tuple[int, int] | None]]:
    """Yield the series and hour of calls that are there; None for those of another environment."""
    found = {row.call: row for row in folding.calls(keys)}
    by_number = dimensions.load(folding.connection, {row.series for row in found.values()})
    for key, row in found.items():
        own = by_number[row.series].environment == environment
        yield key, (row.series, hour_of(row.booked)) if own else None


def _put(folding: Folding, batch: Batch, entry: Mapping[str, Any], place: tuple[int, int] | None) -> None:
    key = rows.call_key(entry["call"])
    primary = (key, entry["kind"], entry["name"], entry.get("judge", ""))
    before = folding.connection.fetch(
        f"select value, series, start, environment from signals where {_PRIMARY}",
        primary,
    )
    if before and before[0][3] != batch.environment:
        folding.left_out[batch.environment, "foreign_id"] += 1
        return
    value = entry.get("value")
    row = (*primary, batch.environment, value, batch.arrived, entry.get("detail"), *(place or (None, None)))
    folding.connection.execute(_PUT, row)
    if before and before[0][1] is not None:
        value_before, *place_before, _ = before[0]
        _tally(folding, primary, value_before, place_before, -1)
        _tally(folding, primary, value, place_before, 1)
    elif place:
        _tally(folding, primary, value, place, 1)


def _tally(
    folding: Folding, primary: Sequence[Any], value: float | None, place: Sequence[int], sign: int
) -> None:
    """Count feedback; scores are read from their rows."""
    _, kind, name, _ = primary
    if kind == "feedback":
        series, start = place
        folding.deltas.tally(start, series, f"feedback:{name}", round((value or 0) * MICRO), sign)


def attach(folding: Folding, changed: Mapping[bytes, Seen], after: Mapping[bytes, Row]) -> None:
    """Join what was said before its call came, and move what was said of calls whose series changed."""
    moved = [key for key, call in changed.items() if call.before and call.before.series != after[key].series]
    waits = folding.connection.fetch("select 1 from signals where series is null limit 1")
    new = [key for key, call in changed.items() if waits and call.before is None]
    keys = moved + new
    for first in range(0, len(keys), CHUNK):
        part = keys[first : first + CHUNK]
        found = folding.connection.fetch(
            "select call, kind, name, judge, environment, value, series, start from signals "
            f"where call in ({marks(part)})",
            part,
        )
        for *primary, environment, value, series, start in found:
            _attach(
                folding, primary, environment, value, (series, start), changed[primary[0]], after[primary[0]]
            )


def forget(folding: Folding, keys: Sequence[bytes]) -> None:
    """Take back what was said of some calls, which are gone."""
    where = f"where call in ({marks(keys)})"
    found = folding.connection.fetch(
        f"select call, kind, name, judge, value, series, start from signals {where}", keys
    )
    for *primary, value, series, start in found:
        if series is not None:
            _tally(folding, primary, value, (series, start), -1)
    folding.connection.execute(f"delete from signals {where}", keys)


def _attach(  # noqa: PLR0913, PLR0917
    folding: Folding,
    primary: Sequence[Any],
    environment: str,
    value: float | None,
    before: tuple[int | None, int | None],
    call: Seen,
    row: Row,
) -> None:
    place = row.series, hour_of(row.booked)
    if environment != call.environment:  # it came before its call
        folding.connection.execute(f"delete from signals where {_PRIMARY}", primary)
        folding.left_out[environment, "foreign_id"] += 1
        return
    if before == place:
        return
    series, start = before
    if series is not None and start is not None:
        _tally(folding, primary, value, (series, start), -1)
    _tally(folding, primary, value, place, 1)
    folding.connection.execute(
        f"update signals set series = ?, start = ? where {_PRIMARY}",
        (*place, *primary),
    )


def fold_resolutions(folding: Folding, batches: Sequence[Batch]) -> None:
    """Fold resolutions: each counts with the newest call of its conversation, and once."""
    for batch in batches:
        for entry in batch.entries:
            _resolve(folding, batch, entry)


def _resolve(folding: Folding, batch: Batch, entry: Mapping[str, Any]) -> None:
    conversation, ok = entry["conversation"], int(entry["ok"])
    before = folding.connection.fetch(
        "select ok, series, start from resolutions where environment = ? and conversation = ?",
        (batch.environment, conversation),
    )
    if before:
        was, series, start = before[0]
        folding.deltas.tally(start, series, RESOLVED[was], sign=-1)
    else:
        series, start = _place_of(folding, batch, conversation)
    folding.deltas.tally(start, series, RESOLVED[ok])
    folding.connection.execute(
        "insert into resolutions (environment, conversation, ok, at, series, start) "
        "values (?, ?, ?, ?, ?, ?) on conflict (environment, conversation) do update set ok = excluded.ok, "
        "at = excluded.at",
        (batch.environment, conversation, ok, batch.arrived, series, start),
    )


def _place_of(folding: Folding, batch: Batch, conversation: int) -> tuple[int, int]:
    """Return the series and hour of a conversation's newest call; without one, of no prompt, and now."""
    for day in folding.newest_days():
        found = folding.connection.fetch(
            f"select c.series, c.booked from {days.calls(day)} c join series s on s.series = c.series "
            "where c.conversation = ? and s.environment = ? order by c.at desc limit 1",
            (conversation, batch.environment),
        )
        if found:
            return found[0][0], hour_of(found[0][1])
    number = folding.number(dimensions.Series(batch.environment), batch.arrived)
    return number, hour_of(batch.arrived)
