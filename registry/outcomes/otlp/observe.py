"""What one span says of a call, by rules that do not ask which instrumentation wrote it.

null is "not said", never 0. Where several attributes mean the same, the order in `spans.CONCEPTS` decides.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp import prompts, tools
from registry.outcomes.otlp.observation import Observation, Said
from registry.outcomes.otlp.spans import FIRST_CHUNK, OPERATION
from registry.outcomes.otlp.values import amount, first, hashed, text, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.outcomes.otlp.spans import Span, Value

_OPERATIONS = {"chat", "text_completion", "generate_content"}
CANCELLED = "cancelled"  # what the client's records say, too: to be stopped is no failure
_CANCELLATIONS = {"CancelledError", "GeneratorExit", "KeyboardInterrupt"}
_NS, _MS = 1e9, 1e6  # of a second, of a millisecond
_LONGEST = 86_400  # seconds of a stream


def observe(span: Span) -> Observation:
    """Return what is kept of a span."""
    attributes = span.attributes
    return Observation(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        scope=span.scope,
        start=span.start - _logged_ns(attributes),
        end=span.end,
        prompt=prompts.of(attributes),
        said=_said(span) if is_call(attributes) and not _is_first_half(span) else None,
    )


def is_call(attributes: Mapping[str, Value]) -> bool:
    """Return whether a span with these attributes is a call of a model."""
    if (operation := attributes.get(OPERATION)) is not None:
        return operation in _OPERATIONS
    return (
        attributes.get("openinference.span.kind") == "LLM"
        or attributes.get("langfuse.observation.type") == "generation"
        or attributes.get("langsmith.span.kind") == "llm"
        or str(attributes.get("ai.operationId", "")).endswith((".doGenerate", ".doStream"))
    )


def _is_first_half(span: Span) -> bool:
    """Return whether this is Logfire's span of a stream's request: its second one, a "log", is the call."""
    return (
        span.scope.startswith("logfire.")
        and span.attributes.get("logfire.span_type") == "span"
        and first(span.attributes, "response_id") is None
        and _error(span) is None
    )


def _logged_ns(attributes: Mapping[str, Value]) -> int:
    """Return by how much Logfire's "log" of a stream began before it was written."""
    seconds = attributes.get("duration") if attributes.get("logfire.span_type") == "log" else None
    if not isinstance(seconds, int | float) or not 0 <= seconds < _LONGEST:
        return 0
    return round(seconds * _NS)


def _said(span: Span) -> Said:
    attributes = span.attributes
    duration = _duration(span)
    error, reason = _error(span), _finish_reason(attributes)
    if error in _CANCELLATIONS:
        error, reason = None, CANCELLED
    return Said(
        model=text(first(attributes, "model")),
        response_model=text(first(attributes, "response_model")),
        provider=_provider(attributes),
        **tokens(attributes),
        cost_usd=amount(first(attributes, "cost_usd")),
        duration_ms=duration,
        ttft_ms=None if duration is None else _first_chunk(span),
        error=error,
        finish_reason=reason,
        tool_calls=tools.called(attributes, reason),
        conversation=hashed(first(attributes, "conversation")),
        subject=hashed(first(attributes, "user")),
        response_id=text(first(attributes, "response_id")) or text(tools.response_id(attributes)),
        client_call=text(prompts.named(attributes, "call")),
    )


def _duration(span: Span) -> float | None:
    """Return the milliseconds that it took; None if a clock was set back, or there was none."""
    if length := _logged_ns(span.attributes):
        return round(length / _MS, 3)
    if not span.start or span.end < span.start:
        return None
    return round((span.end - span.start) / _MS, 3)


def _first_chunk(span: Span) -> float | None:
    """Return the milliseconds to the first token, which are said in four ways."""
    attributes = span.attributes
    if (seconds := amount(first(attributes, "first_chunk_s"))) is not None:
        return round(seconds * 1000, 3)
    if (milliseconds := amount(first(attributes, "first_chunk_ms"))) is not None:
        return round(milliseconds, 3)
    if isinstance(moment := tools.parsed(first(attributes, "first_chunk_at")), str):
        return _since(span, moment)
    seen = [event.at for event in span.events if event.name in FIRST_CHUNK and event.at >= span.start]
    return round((min(seen) - span.start) / _MS, 3) if seen else None


def _since(span: Span, moment: str) -> float | None:
    try:
        passed = datetime.fromisoformat(moment).timestamp() * 1000 - span.start / _MS
    except (ValueError, OverflowError):
        return None
    return round(passed, 3) if passed >= 0 else None


def _error(span: Span) -> str | None:
    """Return an error's class without its module; "error" if none is named."""
    named = first(span.attributes, "error") or next(
        (event.attributes.get("exception.type") for event in span.events if event.name == "exception"), None
    )
    if isinstance(named, str) and named:
        return text(named.rpartition(".")[2] or named)
    return "error" if span.failed else None


def _finish_reason(attributes: Mapping[str, Value]) -> str | None:
    reason: Any = first(attributes, "finish_reason")
    if isinstance(reason, str) and reason.startswith("["):  # a list as JSON text
        reason = tools.parsed(reason)
    return text(reason[0] if isinstance(reason, tuple | list) and reason else reason)


def _provider(attributes: Mapping[str, Value]) -> str | None:
    """Return the provider; the Vercel AI SDK adds its API, as in ``openai.chat``."""
    provider = text(first(attributes, "provider"))
    return provider.partition(".")[0] if provider and "ai.operationId" in attributes else provider
