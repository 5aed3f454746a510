"""A call as its spans say it together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry.outcomes.otlp.observation import Prompt, Said

TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
_MS = 1e6  # nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """One call. `span_id` is the outermost span's, `start` in nanoseconds, 0 for unknown."""

    trace_id: str
    span_id: str
    also_spans: tuple[str, ...]
    start: int
    prompt: Prompt | None
    said: Said


def one_a_record(found: Iterable[Merged]) -> Iterator[Merged]:
    """Yield calls; the several requests of one record of the client's as one call that adds them up."""
    by_record: dict[str, list[Merged]] = defaultdict(list)
    for call in sorted(found, key=lambda call: (call.start, call.span_id)):
        if call.said.client_call is None:
            yield call
        else:
            by_record[call.said.client_call].append(call)
    yield from map(_added_up, by_record.values())


def _added_up(parts: Sequence[Merged]) -> Merged:
    first, last = parts[0], parts[-1]
    if first is last:
        return first
    sums = {name: _sum(getattr(part.said, name) for part in parts) for name in (*TOKENS, "cost_usd")}
    ends = [part.start / _MS + (part.said.duration_ms or 0) for part in parts if part.start]
    called = [tool for part in parts for tool in part.said.tool_calls or ()]
    said = replace(
        last.said,
        **sums,
        duration_ms=round(max(ends) - first.start / _MS, 3) if len(ends) == len(parts) else None,
        ttft_ms=first.said.ttft_ms,
        tool_calls=tuple(called) if called else last.said.tool_calls,
    )
    others = tuple(span for part in parts for span in (part.span_id, *part.also_spans))[1:]
    return replace(first, also_spans=others, said=said)


def _sum(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
