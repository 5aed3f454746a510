"""The rows of a day's table of calls, and the entries of the inbox that they are made of.

An entry is a call as it waits in the inbox: what is known of it, with the registry's own hashes in place of
identities, the bucket in place of the unit's place, and the cost in nano-dollars.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes.call import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.outcomes.store.series import Series

ENDED = 1  # its outcome is known
OTLP = 2  # it comes from spans alone
SAMPLED = 4  # its content is kept
ERASED = 8  # its identity and content are gone for good

IN_SERIES = ("prompt", "version", "arm", "rollout", "provider", "route", "segment")
COLUMNS = {  # of an entry's fields that have a column of the same kind
    "bucket": "bucket", "unit": "unit", "subject": "subject", "conversation": "conversation",
    "input_tokens": "input", "output_tokens": "output", "cached_tokens": "cached",
    "reasoning_tokens": "reasoning", "cost_nanos": "cost", "duration_ms": "duration", "ttft_ms": "ttft",
    "error": "error",
}  # fmt: skip
EXTRA = (
    "reason", "seq", "source", "parameters", "finish_reason", "format_error", "flags", "contexts",
    "tool_calls", "response_id", "price",
)  # fmt: skip
ERASABLE = ("unit", "bucket", "subject", "conversation", "content")


class Row(NamedTuple):
    """A row of a table of calls; `call`, `trace` and `span` are bytes, times are milliseconds."""

    call: bytes
    at: int
    booked: int
    arrived: int
    series: int
    state: int
    bucket: int | None
    unit: int | None
    subject: int | None
    conversation: int | None
    trace: bytes | None
    span: bytes | None
    input: int | None
    output: int | None
    cached: int | None
    reasoning: int | None
    cost: int | None
    duration: float | None
    ttft: float | None
    error: str | None
    extra: str | None


def call_key(identifier: str) -> bytes:
    """Return the 16 bytes of a call's id."""
    return bytes.fromhex(identifier.replace("-", ""))


def identifier(key: bytes) -> str:
    """Return a call's id."""
    digits = key.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def day_of(key: bytes) -> int:
    """Return the day that a call is kept on, in days since 1970: that of the time in its id."""
    return int.from_bytes(key[:6], "big") // DAY_MS


def booked(at: int, arrived: int) -> int:
    """Return when usage books a call: at its start, but within the day before its arrival."""
    return max(min(at, arrived), arrived - DAY_MS)


def row(entry: Mapping[str, Any], *, booked: int, arrived: int, series: int) -> Row:
    """Return the row of an entry."""
    get = entry.get
    trace, span = get("trace_id"), get("span_id")
    extra = {name: value for name in EXTRA if (value := get(name)) is not None}
    if get("response_model") is not None:
        extra["model"] = get("model")
    return Row(
        call=call_key(entry["id"]),
        at=entry["at"],
        booked=booked,
        arrived=arrived,
        series=series,
        state=get("state", 0),
        trace=trace and bytes.fromhex(trace),
        span=span and bytes.fromhex(span),
        extra=json.dumps(extra, separators=(",", ":")) if extra else None,
        **{column: get(name) for name, column in COLUMNS.items()},
    )


def entry(row: Row, series: Series) -> dict[str, Any]:
    """Return the entry of a row; the reverse of `row`."""
    extra = json.loads(row.extra) if row.extra else {}
    found: dict[str, Any] = {"id": identifier(row.call), "at": row.at, "state": row.state, **extra}
    found |= {name: getattr(series, name) for name in IN_SERIES}
    found |= {name: getattr(row, column) for name, column in COLUMNS.items()}
    found["trace_id"] = row.trace and row.trace.hex()
    found["span_id"] = row.span and row.span.hex()
    found["response_model" if "model" in extra else "model"] = series.model
    return {name: value for name, value in found.items() if value is not None}


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two reports of a call say together: a second one fills what is null in the first.

    A client's report is the call, so it goes before one of spans whichever came first. It alone says that the
    call has ended, and then its null is no error. What was erased stays so.
    """
    before, after = old.get("state", 0), new.get("state", 0)
    first, second = (new, old) if before & OTLP and not after & OTLP else (old, new)
    merged = {**second, **first}
    merged["state"] = (before | after) & ~OTLP | (before & after & OTLP)
    if (before ^ after) & OTLP:
        ended = first.get("state", 0) & ENDED
        merged["state"] = merged["state"] & ~ENDED | ended
        if ended and first.get("error") is None:
            merged.pop("error", None)
    if before & ERASED:
        merged = {name: value for name, value in merged.items() if name not in ERASABLE}
        merged["state"] &= ~SAMPLED
    return merged
