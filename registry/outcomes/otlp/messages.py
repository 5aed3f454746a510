"""OTLP's messages in protobuf, read into records: objects as OTLP/JSON has them, with plain attributes.

Of attributes only those are read that are wanted. Field numbers are those of opentelemetry-proto 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp.protobuf import BYTES, FIXED64, VARINT, Reader, double, signed
from registry.outcomes.otlp.spans import is_wanted, kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[[Reader, int, int], Any]
    # By tag: the name, how it is read, and what a repeated field is gathered in.
    Schema = dict[int, tuple[str, Read, type[list[Any] | dict[Any, Any]] | None]]

Record = dict[str, Any]
_SHORT, _MOST_KNOWN = 128, 4096  # bytes of an attribute that is remembered, and how many are
_DEEPEST = 10  # of values in values: the name of a tool is in the sixth


def spans(data: bytes) -> Iterator[tuple[Record, Record, Record]]:
    """Yield the resource, the scope and each span of a request. Raises Malformed, TooLarge."""
    reader = Reader(data)
    for resource, scope, start, stop in _records(reader, len(data)):
        yield resource, scope, _message(reader, start, stop, _SPAN)


def logs(data: bytes, is_wanted_log: Callable[[Record], bool]) -> Iterator[tuple[Record, Record, Record]]:
    """Yield the resource, the scope and each wanted record of a request. Raises Malformed, TooLarge."""
    reader = Reader(data)
    for resource, scope, start, stop in _records(reader, len(data)):
        if is_wanted_log(_message(reader, start, stop, _LOG_WITHOUT_BODY)):
            yield resource, scope, _message(reader, start, stop, _LOG)


def check(data: bytes) -> None:
    """Read the outermost fields of any request. Raises Malformed, TooLarge."""
    for _ in Reader(data).fields(0, len(data)):
        pass


def _records(reader: Reader, end: int) -> Iterator[tuple[Record, Record, int, int]]:
    """Yield the resource and scope of each record, and its place: a request is never whole in memory."""
    for of_resource in _all(reader, 0, end, _FIRST):
        resource = _header(reader, of_resource, _RESOURCE)
        for of_scope in _all(reader, *of_resource, _SECOND):
            scope = _header(reader, of_scope, _SCOPE)
            for start, stop in _all(reader, *of_scope, _SECOND):
                yield resource, scope, start, stop


def _all(reader: Reader, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    return ((first, stop) for tag, first, stop in reader.fields(start, end) if tag == wanted)


def _header(reader: Reader, place: tuple[int, int], schema: Schema) -> Record:
    """Return the message in field 1, wherever among the others it is."""
    found: Record = {}
    for start, stop in _all(reader, *place, _FIRST):
        found = _message(reader, start, stop, schema)
    return found


def _message(reader: Reader, start: int, end: int, schema: Schema) -> Record:
    found: Record = {}
    for tag, value, stop in reader.fields(start, end):
        if (known := schema.get(tag)) is None:
            continue
        name, read, gathered = known
        item = read(reader, value, stop)
        if gathered is None:
            found[name] = item
        elif gathered is list:
            found.setdefault(name, []).append(item)
        elif item:
            found.setdefault(name, {})[item[0]] = item[1]
    return found


def _of(schema: Schema) -> Read:
    return lambda reader, start, stop: _message(reader, start, stop, schema)


def _number(_: Reader, value: int, __: int) -> int:
    return value


def _text(reader: Reader, start: int, stop: int) -> str:
    return reader.text(start, stop)


def _hex(reader: Reader, start: int, stop: int) -> str:
    return reader.data[start:stop].hex()


def _attribute(reader: Reader, start: int, end: int) -> tuple[str, Any] | None:
    """Return a wanted attribute. Most are the same on each span of an app, and are read once a request."""
    if end - start > _SHORT:
        return _read_attribute(reader, start, end)
    known: dict[bytes, tuple[str, Any] | None] = reader.known
    data = reader.data[start:end]
    if data not in known:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[data] = _read_attribute(reader, start, end)
    return known[data]


def _read_attribute(reader: Reader, start: int, end: int) -> tuple[str, Any] | None:
    """Return a wanted attribute; of another one the value is not read."""
    key, value = "", None
    for tag, first, stop in reader.fields(start, end):
        if tag == _FIRST:
            key = reader.text(first, stop)
            if not is_wanted(key):
                return None
        elif tag == _SECOND:
            value = kept(key, _value(reader, first, stop))
    return None if value is None else (key, value)


def _value(reader: Reader, start: int, end: int, depth: int = 0) -> Any:
    """Return a value as JSON has it; None if it is empty, bytes, or too deep."""
    for tag, value, stop in reader.fields(start, end):
        if tag == _FIRST:
            return reader.text(value, stop)
        if tag in _NUMBERS:
            return _NUMBERS[tag](value)
        if tag == _ARRAY and depth < _DEEPEST:
            places = _all(reader, value, stop, _FIRST)
            return [_value(reader, *place, depth + 1) for place in places]
        if tag == _MAP and depth < _DEEPEST:
            return dict(_pair(reader, *place, depth + 1) for place in _all(reader, value, stop, _FIRST))
    return None


def _pair(reader: Reader, start: int, end: int, depth: int) -> tuple[str, Any]:
    key, item = "", None
    for tag, value, stop in reader.fields(start, end):
        if tag == _FIRST:
            key = reader.text(value, stop)
        elif tag == _SECOND:
            item = _value(reader, value, stop, depth)
    return key, item


def _tag(number: int, kind: int = BYTES) -> int:
    return number << 3 | kind


_FIRST, _SECOND, _ARRAY, _MAP = _tag(1), _tag(2), _tag(5), _tag(6)
_NUMBERS: dict[int, Callable[[int], Any]] = {
    _tag(2, VARINT): bool,
    _tag(3, VARINT): signed,
    _tag(4, FIXED64): double,
}
_RESOURCE: Schema = {_tag(1): ("attributes", _attribute, dict)}
_SCOPE: Schema = {_tag(1): ("name", _text, None)}
_EVENT: Schema = {
    _tag(1, FIXED64): ("timeUnixNano", _number, None),
    _tag(2): ("name", _text, None),
    _tag(3): ("attributes", _attribute, dict),
}
_SPAN: Schema = {
    _tag(1): ("traceId", _hex, None),
    _tag(2): ("spanId", _hex, None),
    _tag(4): ("parentSpanId", _hex, None),
    _tag(7, FIXED64): ("startTimeUnixNano", _number, None),
    _tag(8, FIXED64): ("endTimeUnixNano", _number, None),
    _tag(9): ("attributes", _attribute, dict),
    _tag(11): ("events", _of(_EVENT), list),
    _tag(15): ("status", _of({_tag(3, VARINT): ("code", _number, None)}), None),
}
_LOG_WITHOUT_BODY: Schema = {
    _tag(1, FIXED64): ("timeUnixNano", _number, None),
    _tag(6): ("attributes", _attribute, dict),
    _tag(9): ("traceId", _hex, None),
    _tag(10): ("spanId", _hex, None),
    _tag(12): ("eventName", _text, None),
}
_LOG: Schema = _LOG_WITHOUT_BODY | {_tag(5): ("body", _value, None)}
