"""Unpack a body as it was sent, and count while doing so."""

from __future__ import annotations

import zlib

from registry.outcomes.otlp.errors import Malformed, TooLarge

MAX_SENT = 16 << 20  # an exporter of Python sends what it has in one request, and drops it if it is refused
MAX_UNPACKED = 32 << 20
_STEP = 1 << 20  # unpacked at once
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
ENCODINGS = ("gzip", "deflate", "identity")


def unpack(body: bytes, encoding: str) -> bytes:
    """Return a body's content.

    Args:
        body: as it was sent.
        encoding: the header Content-Encoding: one of `ENCODINGS`, or empty.

    Raises:
        TooLarge: it is, or would become, longer than the limits.
        Malformed: it is not what its encoding says.
    """
    if len(body) > MAX_SENT:
        raise TooLarge(f"a body may have {MAX_SENT} bytes, not {len(body)}; export smaller batches")
    if encoding in {"", "identity"}:
        return body
    if encoding == "gzip":
        return _inflate(body, _GZIP)
    # What HTTP calls deflate is zlib's format; some send the bare stream.
    try:
        return _inflate(body, _ZLIB)
    except Malformed:
        return _inflate(body, _RAW)


def _inflate(body: bytes, window: int) -> bytes:
    stream, parts, size = zlib.decompressobj(window), [], 0
    while body and not stream.eof:
        try:
            part = stream.decompress(body, _STEP)
        except zlib.error as error:
            raise Malformed(f"the body cannot be unpacked: {error}") from None
        size += len(part)
        if size > MAX_UNPACKED:
            raise TooLarge(f"a body may unpack to {MAX_UNPACKED} bytes; export smaller batches")
        parts.append(part)
        body = stream.unconsumed_tail
    if (parts and not stream.eof) or stream.unused_data:
        raise Malformed("the body ends before its content does, or goes on after it")
    return b"".join(parts)
