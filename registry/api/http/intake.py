"""Take in bodies of many records: unpacked within bounds, parsed a record at a time.

All of it is done in threads of its own. Parsing a megabyte at once would keep the interpreter, and so all
streams, for ten milliseconds.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException

from registry.api.http.bounds import Lane
from registry.api.http.routes import BoundedRoute
from registry.errors import Invalid
from registry.outcomes.otlp import unpack
from registry.outcomes.otlp.errors import Malformed, TooLarge

MAX_BODY_BYTES = 8 << 20  # as sent: all that a client queues
MAX_RECORDS = 2000  # in a request; clients send at most 500
SPACE = " \t\r\n"
BUSY = (
    "unavailable", "busy", "deadline", "stopped", "stopping", "outcomes_unavailable", "outcomes_off",
    "inbox_full", "too_fast", "newer_format",
)  # fmt: skip
TAKES_IN = ("/calls", "/feedback", "/scores", "/resolutions")  # how paths of such bodies end
_decode = json.JSONDecoder().raw_decode


def takes_in(path: str) -> bool:
    """Return whether bodies of a path may be as large as reports are."""
    return path.endswith(TAKES_IN)


class IntakeRoute(BoundedRoute):
    """A route of reports, which wait in a line of their own."""

    max_body_bytes = MAX_BODY_BYTES

    def lane(self, method: str) -> Lane:
        """In which line a request waits."""
        return Lane.READ if method == "GET" else Lane.INTAKE


def unpacked(body: bytes, encoding: str) -> bytes:
    """Undo a content encoding. Raises HTTPException (413, 415) or Invalid."""
    encoding = encoding.strip().lower()
    if encoding and encoding not in unpack.ENCODINGS:
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-encoding may be {', '.join(unpack.ENCODINGS)}, not {encoding[:40]!r}",
            {"Accept-Encoding": "gzip, deflate"},
        )
    try:
        return unpack.unpack(body, encoding)
    except TooLarge as error:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
    except Malformed as error:
        raise Invalid(str(error), code="invalid_request") from error


def read(body: bytes, name: str) -> tuple[dict[str, Any], list[Any]]:
    """Parse ``{..., name: [...]}``, a list, or one record; return the other members and the records.

    Raises:
        Invalid: it is no JSON, or has too many records.
    """
    try:
        text = body.decode()
        start = _skip(text, 0)
        if text.startswith("[", start):
            records, end = _list(text, start)
            fields: dict[str, Any] = {}
        else:
            fields, end = _object(text, start, name)
            records = fields.pop(name) if name in fields else [fields]
        _expect_end(text, end)
    except (ValueError, RecursionError):
        raise Invalid("the body is not JSON; send UTF-8 JSON", code="invalid_request") from None
    if type(records) is not list:
        raise Invalid(f"{name}: send a list", code="invalid_request")
    return fields, records


def _object(text: str, start: int, name: str) -> tuple[dict[str, Any], int]:
    """Parse an object, of which one member may be a long list."""
    fields: dict[str, Any] = {}
    place = _skip(text, _expect(text, start, "{"))
    while not text.startswith("}", place):
        if fields:
            place = _skip(text, _expect(text, place, ","))
        key, place = _decode(text, place)
        place = _skip(text, _expect(text, _skip(text, place), ":"))
        is_long = key == name and text.startswith("[", place)
        fields[str(key)], place = _list(text, place) if is_long else _decode(text, place)
        place = _skip(text, place)
    return fields, place + 1


def _list(text: str, start: int) -> tuple[list[Any], int]:
    records: list[Any] = []
    place = _skip(text, start + 1)
    while not text.startswith("]", place):
        if records:
            place = _skip(text, _expect(text, place, ","))
        if len(records) == MAX_RECORDS:
            raise Invalid(
                f"at most {MAX_RECORDS} records at once; send them in parts", code="too_many_records"
            )
        record, place = _decode(text, place)
        records.append(record)
        place = _skip(text, place)
    return records, place + 1


def _expect(text: str, place: int, mark: str) -> int:
    if not text.startswith(mark, place):
        raise ValueError
    return place + 1


def _expect_end(text: str, place: int) -> None:
    if _skip(text, place) < len(text):
        raise ValueError


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in SPACE:
        place += 1
    return place
