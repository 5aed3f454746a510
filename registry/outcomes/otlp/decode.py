"""Decode requests, in protobuf or JSON, into spans and log records."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp import json_messages, messages, tools
from registry.outcomes.otlp.spans import (
    CHOICE,
    ENVIRONMENT,
    EVALUATION,
    EVALUATION_NAME,
    EVENTS,
    MAX_ITEMS,
    MAX_NAME,
    Event,
    LogRecord,
    Span,
    clean,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Record = Mapping[str, Any]

_TRACE_ID, _SPAN_ID = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{16}")
_ERROR = 2  # the status code


def spans(body: bytes, *, as_json: bool) -> Iterator[Span]:
    """Yield the spans of a request that have ids. Raises Malformed, TooLarge."""
    for resource, scope, record in (json_messages if as_json else messages).spans(body):
        span = _span(resource, scope, record)
        if _TRACE_ID.fullmatch(span.trace_id) and _SPAN_ID.fullmatch(span.span_id):
            yield span


def logs(body: bytes, *, as_json: bool) -> Iterator[LogRecord]:
    """Yield the records of a request that say something of a call. Raises Malformed, TooLarge."""
    for resource, _, record in (json_messages if as_json else messages).logs(body, _is_wanted):
        yield _log(resource, record)


def check(body: bytes, *, as_json: bool) -> None:
    """Decode a request that nothing is wanted of. Raises Malformed, TooLarge."""
    (json_messages if as_json else messages).check(body)


def _span(resource: Record, scope: Record, record: Record) -> Span:
    return Span(
        trace_id=record.get("traceId", ""),
        span_id=record.get("spanId", ""),
        parent_id=record.get("parentSpanId", ""),
        scope=clean(scope.get("name", ""), MAX_NAME),
        environment=_environment(resource),
        start=record.get("startTimeUnixNano", 0),
        end=record.get("endTimeUnixNano", 0),
        failed=record.get("status", {}).get("code") == _ERROR,
        attributes=record.get("attributes", {}),
        events=tuple(_events(record)) if record.get("events") else (),
    )


def _events(record: Record) -> Iterator[Event]:
    """Yield the wanted events, the first one of each kind."""
    found: dict[object, Event] = {}
    for event in record["events"]:
        if (name := event.get("name")) in EVENTS:
            attributes = event.get("attributes", {})
            about = name, attributes.get(EVALUATION_NAME)
            found.setdefault(about, Event(name=name, at=event.get("timeUnixNano", 0), attributes=attributes))
    return islice(found.values(), MAX_ITEMS)


def _log(resource: Record, record: Record) -> LogRecord:
    name = _event_name(record)
    answer = record.get("body") if name == CHOICE else None
    return LogRecord(
        trace_id=record.get("traceId", ""),
        span_id=record.get("spanId", ""),
        environment=_environment(resource),
        event=Event(name=name, at=record.get("timeUnixNano", 0), attributes=record.get("attributes", {})),
        tools=tools.kept(tools.names(answer)),
    )


def _is_wanted(record: Record) -> bool:
    return _event_name(record) in {CHOICE, EVALUATION}


def _event_name(record: Record) -> str:
    """Return a log record's event, which older SDKs write as an attribute."""
    return str(record.get("eventName") or record.get("attributes", {}).get("event.name", ""))


def _environment(resource: Record) -> str | None:
    attributes = resource.get("attributes", {})
    return next((str(attributes[key]) for key in ENVIRONMENT if attributes.get(key)), None)
