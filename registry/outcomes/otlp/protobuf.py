"""Read protobuf's wire format without building messages.

A reader of our own, rather than opentelemetry-proto with protobuf's upb, for three reasons. Content, which
most instrumentations send unasked, is stepped over by its length and never becomes an object. Memory and time
are bounded by what is there to read: upb builds the whole tree, a gigabyte for 32 MiB of empty messages. And
nothing more is installed: protobuf ties all that use it in an environment to one major version. It costs half
the speed: some 20,000 spans a second of a core, where a token may send 2,000. The tests compare it with upb
on every recording.

What is stepped over is not checked: its text may be no UTF-8.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp.errors import Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FIELDS = 4 << 20  # read of a request: 8 bytes each in the largest one, where real ones have 15 or more
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; groups (3 and 4) are of protobuf 1
_SIZES = {FIXED64: 8, FIXED32: 4}
_SHIFTS = range(0, 64, 7)  # of a varint's bytes
_MORE = 0x80  # the bit that says that another byte follows
_DOUBLE = struct.Struct("<d")


class Reader:
    """Reads one request; all positions are within its `data`. `known` is what its user remembers of it."""

    __slots__ = ("_left", "data", "known")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.known: dict[bytes, Any] = {}
        self._left = MAX_FIELDS

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield each field of the message between two positions.

        Yields:
            Its tag (number << 3 | wire type), and two numbers: where its bytes begin and end, or its value
            and 0.

        Raises:
            Malformed: this is no message.
            TooLarge: the request has too many fields.
        """
        data = self.data
        while start < end:
            self._left -= 1
            if self._left < 0:
                raise TooLarge(f"a request may have {MAX_FIELDS} fields; export smaller batches")
            tag = data[start]
            start += 1
            if tag >= _MORE:
                tag, start = self._varint(start - 1, end)
            kind = tag & 7
            if kind == BYTES:
                size, start = self._varint(start, end)
                stop = start + size
                if stop <= end:
                    yield tag, start, stop
            elif kind == VARINT:
                value, stop = self._varint(start, end)
                yield tag, value, 0
            elif kind in _SIZES:
                stop = start + _SIZES[kind]
                if stop <= end:
                    yield tag, int.from_bytes(data[start:stop], "little"), 0
            else:
                raise Malformed(f"a field has the wire type {kind}")
            start = stop
        if start > end:
            raise Malformed("a field is longer than its message")

    def _varint(self, start: int, end: int) -> tuple[int, int]:
        """Return a number and where it ends."""
        if start < end and (byte := self.data[start]) < _MORE:  # the usual one
            return byte, start + 1
        value = 0
        for shift in _SHIFTS:
            if start >= end:
                break
            byte = self.data[start]
            start += 1
            value |= (byte & 0x7F) << shift
            if byte < _MORE:
                return value & 0xFFFF_FFFF_FFFF_FFFF, start
        raise Malformed("a number has no end")

    def text(self, start: int, stop: int) -> str:
        """Return text. Raises Malformed if it is no UTF-8."""
        try:
            return self.data[start:stop].decode()
        except UnicodeDecodeError:
            raise Malformed("a text is no UTF-8") from None


def signed(value: int) -> int:
    """Return an int64, which is sent as its two's complement."""
    return value - (1 << 64) if value >> 63 else value


def double(bits: int) -> float:
    """Return a double of its bits."""
    number: float = _DOUBLE.unpack(bits.to_bytes(8, "little"))[0]
    return number
