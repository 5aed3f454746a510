"""Fold calls: new ones into their day's table, second sights into what is there, and both into the sums."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from registry.outcomes.store import days, rows, samples, waiting
from registry.outcomes.store import series as dimensions
from registry.outcomes.store.fold_signals import attach, forget
from registry.outcomes.store.folding import Seen, by_day, hour_of, marks
from registry.outcomes.store.rollup import tally_of_price
from registry.outcomes.store.rows import ENDED, SAMPLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.outcomes.store.folding import Folding
    from registry.outcomes.store.inbox import Batch
    from registry.outcomes.store.rows import Row

BODY = "content"  # of an entry: its content, kept apart


def fold(folding: Folding, batches: Sequence[Batch]) -> None:
    """Fold batches of calls."""
    entries = [(rows.call_key(entry["id"]), batch, entry) for batch in batches for entry in batch.entries]
    seen = load(folding, {key for key, _, _ in entries})
    for key, batch, entry in entries:
        if not folding.has_day(rows.day_of(key), create=True):
            folding.left_out[batch.environment, "too_old"] += 1
        else:
            _see(folding, seen, key, batch, entry)
    waiting.wait(folding, book(folding, seen))


def book(folding: Folding, seen: Mapping[bytes, Seen]) -> Mapping[bytes, Seen]:
    """Write what has changed of calls, and the differences to the sums; return the changed ones."""
    changed = {key: call for key, call in seen.items() if call.is_changed}
    after = {key: _row(folding, call) for key, call in changed.items()}
    _write(folding, changed, after)
    _count(folding, changed, after)
    _keep_content(folding, changed)
    _flag(folding, changed, after)
    attach(folding, changed, after)
    samples.enter(folding, changed)
    return changed


def load(folding: Folding, keys: set[bytes]) -> dict[bytes, Seen]:
    """Return the calls that are there among some keys."""
    found = list(folding.calls(keys))
    by_number = dimensions.load(folding.connection, {row.series for row in found})
    return {
        row.call: Seen(
            by_number[row.series].environment,
            row.booked,
            row.arrived,
            rows.entry(row, by_number[row.series]),
            row,
        )
        for row in found
    }


def remove(folding: Folding, gone: Sequence[Seen]) -> None:
    """Take calls back, with what was said of them: they turned out to be no calls of their own."""
    booked = [call.before for call in gone if call.before]
    for row in booked:
        _add(folding, row, -1)
    for day, part in by_day(row.call for row in booked):
        folding.connection.execute(f"delete from {days.calls(day)} where call in ({marks(part)})", part)
        forget(folding, part)


def _see(
    folding: Folding, seen: dict[bytes, Seen], key: bytes, batch: Batch, entry: Mapping[str, Any]
) -> None:
    """Note one report of a call."""
    known = seen.get(key)
    if known is None:
        at = rows.booked(entry["at"], batch.arrived)
        seen[key] = Seen(batch.environment, at, batch.arrived, entry, is_changed=True, token=batch.token)
    elif known.environment != batch.environment:
        folding.left_out[batch.environment, "foreign_id"] += 1
    else:
        merged = rows.merge(known.entry, entry)
        if merged != known.entry:
            known.entry, known.is_changed, known.token = merged, True, batch.token


def _row(folding: Folding, call: Seen) -> Row:
    """Return the row of a call as it is now, priced."""
    entry = call.entry
    if entry.get("cost_nanos") is None and entry.get("state", 0) & ENDED and (priced := folding.price(entry)):
        call.entry = entry = {**entry, "cost_nanos": priced[0], "price": priced[1]}
    series = dimensions.of(call.environment, entry)
    number = folding.number(series, call.booked)
    return rows.row(entry, booked=call.booked, arrived=call.arrived, series=number)


def _write(folding: Folding, changed: Mapping[bytes, Seen], after: Mapping[bytes, Row]) -> None:
    new = [key for key, call in changed.items() if call.before is None]
    for day, part in by_day(new):
        added = [after[key] for key in part]
        folding.connection.insert(days.calls(day), rows.Row._fields, added)
        times = [row.booked for row in added]
        days.widen(folding.connection, day, min(times), max(times))
    columns = ", ".join(f"{name} = ?" for name in rows.Row._fields[1:])
    for day, part in by_day(key for key, call in changed.items() if call.before):
        folding.connection.execute_each(
            f"update {days.calls(day)} set {columns} where call = ?",
            [(*after[key][1:], key) for key in part],
        )


def _count(folding: Folding, changed: Mapping[bytes, Seen], after: Mapping[bytes, Row]) -> None:
    """Add what calls add to the sums, and take out what they added before."""
    for key, call in changed.items():
        for row, sign in ((call.before, -1), (after[key], 1)):
            if row is not None:
                _add(folding, row, sign)


def _add(folding: Folding, row: Row, sign: int) -> None:
    folding.deltas.add(row, sign)
    folding.arrivals.add(row, sign)
    if name := tally_of_price(row):
        folding.deltas.tally(hour_of(row.booked), row.series, name, row.cost or 0, sign)


def _keep_content(folding: Folding, changed: Mapping[bytes, Seen]) -> None:
    kept = {
        key: zlib.compress(json.dumps(call.entry[BODY], separators=(",", ":")).encode())
        for key, call in changed.items()
        if BODY in call.entry and call.entry.get("state", 0) & SAMPLED
    }
    for day, part in by_day(kept):
        folding.connection.execute_each(
            f"insert into {days.bodies(day)} (call, body) values (?, ?) on conflict (call) do nothing",
            [(key, kept[key]) for key in part],
        )


def _flag(folding: Folding, changed: Mapping[bytes, Seen], after: Mapping[bytes, Row]) -> None:
    folding.connection.execute_each(
        "insert into signals (call, kind, name, judge, environment, at, series, start) "
        "values (?, 'flag', ?, '', ?, ?, ?, ?) on conflict (call, kind, name, judge) do nothing",
        [
            (key, flag, call.environment, call.arrived, after[key].series, hour_of(call.booked))
            for key, call in changed.items()
            for flag in call.entry.get("flags") or ()
        ],
    )
