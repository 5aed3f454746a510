"""Parse server-sent events from the pieces that a network delivers (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from promptstage.limits import BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event; `data` is its lines joined by a line feed."""

    kind: str
    data: bytes


class EventParser:
    """Feed it bytes as they come; it gives every event the moment its blank line is there.

    `id` and `retry` fields are ignored: where a client stands it says itself, in its request.
    """

    def __init__(self, limit: int = BODY_BYTES) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._size = 0
        self._after_return = False
        self._at_start = True
        self._kind = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Read on.

        Raises:
            ValueError: a line or an event is larger than the limit.
        """
        for line in self._lines(chunk):
            self._size += len(line)
            if self._size > self._limit:
                raise ValueError(f"an event of more than {self._limit} bytes")
            if line:
                self._field(line)
                continue
            if self._data:
                yield Event(self._kind or "message", b"\n".join(self._data))
            self._kind, self._data, self._size = "", [], 0

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the other half of a \r\n that was cut in two
        self._after_return = chunk.endswith(b"\r") if chunk else self._after_return
        self._rest += chunk
        if len(self._rest) > self._limit:
            raise ValueError(f"a line of more than {self._limit} bytes")
        if b"\n" not in chunk and b"\r" not in chunk:
            return
        lines = bytes(self._rest).splitlines(keepends=True)
        self._rest = bytearray() if lines[-1].endswith((b"\n", b"\r")) else bytearray(lines.pop())
        if self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(BOM)
        yield from (line.rstrip(b"\r\n") for line in lines)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._kind = value.decode(errors="replace")
