"""What is kept of a trace of very many spans, so that it is not read again at any length."""

from __future__ import annotations

from heapq import nlargest
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry.outcomes.otlp.merged import Merged
    from registry.outcomes.otlp.observation import Observation


def kept(spans: Mapping[str, Observation], calls: Iterable[Merged], most: int) -> set[str]:
    """Return the ids of the spans to keep: a second sight, or a child, comes soon after or never.

    They are the newest ones and those of the newest calls, so many of each at most, with what these need to
    be read in the same way again: the other spans of their calls, and the ancestors.
    """
    groups = {
        span: (call.span_id, *call.also_spans) for call in calls for span in (call.span_id, *call.also_spans)
    }
    by_end = attrgetter("end")
    waiting = [span.span_id for span in nlargest(most, spans.values(), by_end)]
    waiting += [
        span.span_id for span in nlargest(most, (span for span in spans.values() if span.said), by_end)
    ]
    found: set[str] = set()
    while waiting:
        span = waiting.pop()
        if span not in found and span in spans:
            found.add(span)
            waiting += (*groups.get(span, ()), spans[span].parent_id)
    return found
