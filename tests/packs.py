"""Parts of packs, for packs that git itself would not write."""

from __future__ import annotations

import zlib


def entry(kind: int, data: bytes, base: bytes = b"") -> bytes:
    """An object in a pack: kind and size, the id of what it is a delta of, and its bytes."""
    rest, head = len(data) >> 4, bytearray([kind << 4 | len(data) & 15])
    while rest:
        head[-1] |= 128
        head.append(rest & 127)
        rest >>= 7
    return bytes(head) + base + zlib.compress(data, 9)


def delta(size: int, copies: list[int]) -> bytes:
    """Instructions that copy from the beginning of what it is a delta of."""
    copying = (b"\xf0" + number.to_bytes(4, "little")[:3] for number in copies)
    return _number(size) + _number(sum(copies)) + b"".join(copying)


def _number(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes(digits + bytearray([value]))
