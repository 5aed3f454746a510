"""Settle traces: their spans become calls, and what they were taken for before is taken back.

A trace is settled a minute after its first span, and again when more of it comes. A span that names a record
of the client's fills what is null in it, whichever came first: the call has the record's id. Other spans are
calls of their own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes import entry as entries
from registry.outcomes.call import DAY_MS, UUID7, time_of
from registry.outcomes.otlp import calls, merging
from registry.outcomes.otlp.observation import Observation
from registry.outcomes.store import days, fold_calls, fold_signals, long_traces, rows
from registry.outcomes.store.fold_spans import CHOSEN, FEEDBACK, MOST_SPANS, SPAN, Waiting
from registry.outcomes.store.folding import Seen
from registry.outcomes.store.inbox import Batch
from registry.outcomes.store.rows import ERASABLE, ERASED, OTLP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.outcomes.otlp.merged import Merged
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.folding import Folding

TRACES = 100  # settled in one transaction
ASIDE = days.FAR  # when a trace is due that could not be settled
KEPT_MS = DAY_MS  # a settled trace, as late spans may change it


class Due(NamedTuple):
    """A trace that is due, and when the first of it came."""

    environment: str
    trace: bytes
    arrived: int


@dataclass(slots=True)
class Trace:
    """A trace: what waits of it, and its calls by the keys that they are booked under, now and before."""

    due: Due
    waiting: Sequence[Waiting]
    spans: Mapping[str, Observation]
    calls: dict[bytes, Merged]
    before: set[bytes]


def due(connection: Connection, now: int) -> list[Due]:
    """Return some traces that are due."""
    found = connection.fetch(
        "select environment, trace, arrived from traces where due <= ? order by due limit ?", (now, TRACES)
    )
    return [Due(*row) for row in found]


def settle(folding: Folding, listed: Sequence[Due]) -> None:
    """Settle traces."""
    traces = [_trace(folding.connection, trace) for trace in listed]
    seen = fold_calls.load(folding, {key for trace in traces for key in trace.before | set(trace.calls)})
    for trace in traces:
        _see(folding, trace, seen)
    gone = {key for trace in traces for key in trace.before - set(trace.calls)}
    fold_calls.book(folding, seen)
    fold_calls.remove(folding, [seen[key] for key in gone if key in seen and seen[key].entry["state"] & OTLP])
    folding.flush_series()
    for trace in traces:
        _tell(folding, trace)
        if len(trace.waiting) >= MOST_SPANS:
            folding.left_out[trace.due.environment, "long_trace"] += 1
            _shorten(folding.connection, trace)
        _finish(folding.connection, trace)


def set_aside(connection: Connection, trace: Due) -> None:
    """Let a trace be that cannot be settled, until more of it comes or a registry starts."""
    _set_due(connection, trace, ASIDE)


def retry(connection: Connection, now: int) -> None:
    """Let traces that were set aside be settled again."""
    connection.execute("update traces set due = ? where due = ?", (now, ASIDE))


def _set_due(connection: Connection, trace: Due, due: int | None) -> None:
    connection.execute("update traces set due = ? where environment = ? and trace = ?", (due, *trace[:2]))


def _trace(connection: Connection, due: Due) -> Trace:
    found = connection.fetch(
        f"select {', '.join(Waiting._fields)} from spans where environment = ? and trace = ?", due[:2]
    )
    waiting = [Waiting(*row) for row in found]
    before = {row.span.hex(): row.call for row in waiting if row.call}
    seen = [_observation(row) for row in waiting if row.kind == SPAN]
    chosen = {row.span.hex(): tuple(json.loads(row.body)) for row in waiting if row.kind == CHOSEN}
    booked: dict[bytes, Merged] = {}
    for merged in merging.calls(seen, chosen):
        booked[_key(merged, before, booked, due.arrived)] = merged
    return Trace(due, waiting, {span.span_id: span for span in seen}, booked, set(before.values()))


def _observation(row: Waiting) -> Observation:
    """Return a span with the identities that are kept beside it."""
    seen = Observation.from_json(json.loads(row.body))
    if seen.said is None:
        return seen
    identities: dict[str, Any] = {
        name: f"{n:016x}" for name in ("subject", "conversation") if (n := getattr(row, name)) is not None
    }
    return replace(seen, said=replace(seen.said, **identities))


def _key(merged: Merged, before: Mapping[str, bytes], booked: Mapping[bytes, Merged], arrived: int) -> bytes:
    """Return the key of a call: of the client's record, else as it was booked before, else of its own."""
    call, record = calls.call(merged, arrived), merged.said.client_call or ""
    if UUID7.fullmatch(record) and abs(time_of(record) - call.at) <= DAY_MS:
        return rows.call_key(record)
    known = sorted({before[span] for span in (merged.span_id, *merged.also_spans) if span in before})
    return next((key for key in known if key not in booked), rows.call_key(call.id))


def _see(folding: Folding, trace: Trace, seen: dict[bytes, Seen]) -> None:
    """Note what the spans of a trace say of its calls."""
    found, trace.calls = trace.calls, {}
    for wanted, merged in found.items():
        call, key = calls.call(merged, trace.due.arrived), wanted
        if wanted in seen and seen[wanted].environment != trace.due.environment:
            folding.left_out[trace.due.environment, "foreign_id"] += 1
            key = rows.call_key(call.id)
        if not folding.has_day(rows.day_of(key), create=True):
            folding.left_out[trace.due.environment, "too_old"] += 1
            continue
        trace.calls[key] = merged
        entry = entries.of_spans(call, rows.identifier(key))
        if key in seen:
            known = seen[key]
            known.entry, known.is_changed = _joined(known.entry, entry), True
        else:
            place = trace.due.environment, rows.booked(call.at, trace.due.arrived), trace.due.arrived
            seen[key] = Seen(*place, entry, is_changed=True)


def _joined(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call as its spans say it now, or as the client said it with what they fill in."""
    if not old["state"] & OTLP:
        return rows.merge(old, new)
    if not old["state"] & ERASED:
        return dict(new)
    kept = {name: value for name, value in new.items() if name not in ERASABLE}
    return kept | {"state": new["state"] | ERASED}


def _tell(folding: Folding, trace: Trace) -> None:
    """Fold the feedback in a trace, each about the call that it names."""
    told = [
        {"call": rows.identifier(key), "kind": "feedback", **json.loads(row.body)}
        for row in trace.waiting
        if row.kind.startswith(FEEDBACK) and (key := _about(trace, row))
    ]
    if told:
        fold_signals.fold(folding, [Batch("", trace.due.environment, "", trace.due.arrived, FEEDBACK, told)])


def _about(trace: Trace, row: Waiting) -> bytes | None:
    """Return the call of an answer, or of a span, or the only one."""
    span = row.span.hex()
    for key, merged in trace.calls.items():
        if row.response and merged.said.response_id == row.response:
            return key
    for key, merged in trace.calls.items():
        if span in {merged.span_id, *merged.also_spans}:
            return key
    return next(iter(trace.calls)) if len(trace.calls) == 1 else None


def _shorten(connection: Connection, trace: Trace) -> None:
    """Let go of the oldest spans of a long trace, and of what was said about them."""
    kept = long_traces.kept(trace.spans, trace.calls.values(), MOST_SPANS // 8)
    gone = {row for row in trace.waiting if row.span.hex() in trace.spans.keys() - kept}
    trace.waiting = [row for row in trace.waiting if row not in gone]
    place = trace.due[:2]
    connection.execute_each(
        "delete from spans where environment = ? and trace = ? and span = ? and kind = ?",
        [(*place, row.span, row.kind) for row in gone],
    )
    connection.execute(
        "update traces set spans = ? where environment = ? and trace = ?", (len(trace.waiting), *place)
    )


def _finish(connection: Connection, trace: Trace) -> None:
    """Note that a trace is settled; forget one without calls, and one that stays too long."""
    place = trace.due[:2]
    of_calls = trace.calls or any(row.kind != SPAN for row in trace.waiting)
    if not of_calls or len(trace.waiting) > MOST_SPANS // 2:
        for table in ("spans", "traces"):
            connection.execute(f"delete from {table} where environment = ? and trace = ?", place)
        return
    _set_due(connection, trace.due, None)
    connection.execute_each(
        "update spans set call = ? where environment = ? and trace = ? and span = ? and kind = ?",
        [
            (key, *place, bytes.fromhex(span), SPAN)
            for key, merged in trace.calls.items()
            for span in (merged.span_id, *merged.also_spans)
        ],
    )
