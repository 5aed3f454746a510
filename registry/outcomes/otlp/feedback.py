"""Feedback of people in OpenTelemetry's event `gen_ai.evaluation.result`, in a log or on a span.

The event is for judgements of any kind. One whose name speaks of feedback is a person's; those of judge
models are not taken here, as they need a token that may judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.outcomes.otlp.spans import EVALUATION, EVALUATION_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.outcomes.otlp.spans import Event, LogRecord, Span

_PEOPLE = ("feedback", "thumb")  # in the name of an evaluation by a person
_KINDS = {
    **dict.fromkeys(("up", "thumbs_up", "thumbs-up", "positive", "good", "like"), "up"),
    **dict.fromkeys(("down", "thumbs_down", "thumbs-down", "negative", "bad", "dislike"), "down"),
    **{kind: kind for kind in ("edited", "accepted", "regenerated")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person signalled about the call of a span, or with a response id; unknown is None."""

    trace_id: str
    span_id: str
    response_id: str | None
    name: str
    value: float | None
    label: str | None

    @property
    def kind(self) -> str | None:
        """`up`, `down` and so on; None where only `value` says it."""
        return _KINDS.get((self.label or "").lower())


def of_log(record: LogRecord) -> Iterator[Feedback]:
    """Yield the feedback in a log record."""
    yield from _feedback(record.trace_id, record.span_id, record.event)


def of_span(span: Span) -> Iterator[Feedback]:
    """Yield the feedback among a span's events."""
    for event in span.events:
        yield from _feedback(span.trace_id, span.span_id, event)


def _feedback(trace_id: str, span_id: str, event: Event) -> Iterator[Feedback]:
    name = str(event.attributes.get(EVALUATION_NAME, ""))
    if event.name != EVALUATION or not any(word in name.lower() for word in _PEOPLE):
        return
    value = event.attributes.get("gen_ai.evaluation.score.value")
    label = event.attributes.get("gen_ai.evaluation.score.label")
    response_id = event.attributes.get("gen_ai.response.id")
    found = Feedback(
        trace_id=trace_id,
        span_id=span_id,
        response_id=response_id if isinstance(response_id, str) else None,
        name=name,
        value=float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None,
        label=label if isinstance(label, str) else None,
    )
    if found.kind or found.value is not None:
        yield found
