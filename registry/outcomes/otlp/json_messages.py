"""OTLP's messages in JSON, read into the records that `messages` makes of protobuf.

By `json.loads` and a walk of our own: protobuf's `json_format` takes twenty times as long, and expects ids in
base64, which OTLP writes in hexadecimal. 64-bit numbers are text or numbers here.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp.errors import Malformed, TooLarge
from registry.outcomes.otlp.protobuf import MAX_FIELDS
from registry.outcomes.otlp.spans import is_wanted, kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Record = dict[str, Any]
_DELIMITERS = (b"{", b"[", b",")
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_TEXTS = ("traceId", "spanId", "parentSpanId", "eventName")
_TIMES = ("timeUnixNano", "startTimeUnixNano", "endTimeUnixNano")
_STATUSES = {"STATUS_CODE_ERROR": 2, 2: 2}
_DEEPEST = 10  # of values in values


def spans(body: bytes) -> Iterator[tuple[Record, Record, Record]]:
    """Yield the resource, the scope and each span of a request. Raises Malformed, TooLarge."""
    return _records(body, "Spans", "spans")


def logs(body: bytes, is_wanted_log: Callable[[Record], bool]) -> Iterator[tuple[Record, Record, Record]]:
    """Yield the resource, the scope and each wanted record of a request. Raises Malformed, TooLarge."""
    return (found for found in _records(body, "Logs", "logRecords") if is_wanted_log(found[2]))


def check(body: bytes) -> Record:
    """Return the request in a body. Raises Malformed, TooLarge."""
    if sum(map(body.count, _DELIMITERS)) > MAX_FIELDS:
        raise TooLarge(f"a request may have {MAX_FIELDS} values; export smaller batches")
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if type(request) is not dict:
        raise Malformed("the body is no JSON object")
    return request


def _records(body: bytes, kind: str, name: str) -> Iterator[tuple[Record, Record, Record]]:
    for of_resource in _list(check(body), f"resource{kind}"):
        resource = {"attributes": _attributes(_object(of_resource, "resource"))}
        for of_scope in _list(of_resource, f"scope{kind}"):
            scope = {"name": _text(_object(of_scope, "scope"), "name")}
            for record in _list(of_scope, name):
                yield resource, scope, _record(record)


def _record(record: Record) -> Record:
    found: Record = {
        key: _text(record, key).lower() if key.endswith("Id") else _text(record, key) for key in _TEXTS
    }
    code = _object(record, "status").get("code")
    return found | {
        **{key: _int(record.get(key)) or 0 for key in _TIMES},
        "attributes": _attributes(record),
        "events": [_event(event) for event in _list(record, "events")],
        "status": {"code": _STATUSES.get(code) if isinstance(code, str | int) else None},
        "body": _value(_object(record, "body")),
    }


def _event(event: Record) -> Record:
    return {
        "name": _text(event, "name"),
        "timeUnixNano": _int(event.get("timeUnixNano")) or 0,
        "attributes": _attributes(event),
    }


def _attributes(record: Record) -> dict[str, Any]:
    """Return the wanted attributes."""
    found = {}
    for item in _list(record, "attributes"):
        if is_wanted(key := _text(item, "key")):
            found[key] = kept(key, _value(_object(item, "value")))
    return {key: value for key, value in found.items() if value is not None}


def _value(value: Record, depth: int = 0) -> Any:
    """Return a value as JSON has it; None if it is empty, bytes, or too deep."""
    if depth > _DEEPEST:
        return None
    for kind, item in value.items():
        if kind == "intValue":
            return _int(item)
        if kind in {"stringValue", "boolValue", "doubleValue"}:
            return item if isinstance(item, str | bool | int | float) else None
        if kind == "arrayValue":
            return [_value(one, depth + 1) for one in _list(_object(value, kind), "values")]
        if kind == "kvlistValue":
            pairs = _list(_object(value, kind), "values")
            return {_text(pair, "key"): _value(_object(pair, "value"), depth + 1) for pair in pairs}
    return None


def _list(record: Record, key: str) -> list[Record]:
    """Return a list of objects; empty if it is missing. Raises Malformed."""
    items = record.get(key) or []
    if type(items) is not list or not all(type(item) is dict for item in items):
        raise Malformed(f"{key} is no list of objects")
    return items


def _object(record: Record, key: str) -> Record:
    found = record.get(key) or {}
    if type(found) is not dict:
        raise Malformed(f"{key} is no object")
    return found


def _text(record: Record, key: str) -> str:
    found = record.get(key) or ""
    if type(found) is not str:
        raise Malformed(f"{key} is no text")
    return found


def _int(value: object) -> int | None:
    """Return a 64-bit number."""
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
