"""Merged spans as calls of the registry."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from registry.outcomes.call import DAY_MS, MAX_LIST, Call, ToolCall

if TYPE_CHECKING:
    from registry.outcomes.otlp.merged import Merged

_SAME = (
    "subject", "model", "response_model", "provider", "input_tokens", "output_tokens", "cached_tokens",
    "reasoning_tokens", "cost_usd", "duration_ms", "ttft_ms", "error", "finish_reason", "conversation",
    "response_id",
)  # fmt: skip
_MS = 1_000_000  # nanoseconds
_VERSION, _VARIANT = 0x7 << 76, 0x2 << 62  # of a UUIDv7
_RANDOM = (0xFFF << 64) | ((1 << 62) - 1)  # its other bits


def call(merged: Merged, arrived: int) -> Call:
    """Return the call that spans tell of; the same spans always give the same id.

    Args:
        merged: the spans.
        arrived: when the first span of the trace did, in milliseconds since 1970. It stands for a start that
            is missing, or more than a day away: then a clock is wrong.
    """
    said, prompt, started = merged.said, merged.prompt, merged.start // _MS
    at = started if abs(started - arrived) <= DAY_MS else arrived
    values: dict[str, Any] = {name: getattr(said, name) for name in _SAME}
    if prompt:
        values |= {
            "prompt": prompt.name,
            "version": prompt.version,
            "arm": prompt.arm,
            "rollout": prompt.rollout,
        }
    if said.tool_calls is not None:
        values["tool_calls"] = tuple(map(ToolCall, said.tool_calls[:MAX_LIST]))
    return Call(
        id=identifier(at, merged.trace_id, merged.span_id),
        at=at,
        trace_id=merged.trace_id,
        span_id=merged.span_id,
        via="otlp",
        **values,
    )


def identifier(at: int, trace_id: str, span_id: str) -> str:
    """Return a UUIDv7 with a time, and the hash of a span in place of random bits."""
    digest = hashlib.sha256(bytes.fromhex(trace_id + span_id)).digest()
    number = (at << 80) | _VERSION | _VARIANT | (int.from_bytes(digest[:10], "big") & _RANDOM)
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
