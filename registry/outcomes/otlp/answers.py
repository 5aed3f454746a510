"""Answers to exporters, in the type of their request."""

from __future__ import annotations

import json

REJECTED = {"traces": "rejectedSpans", "logs": "rejectedLogRecords", "metrics": "rejectedDataPoints"}
_MORE = 0x80


def taken(signal: str, rejected: int, why: str, *, as_json: bool) -> bytes:
    """Return the answer to a request that was taken in.

    Args:
        signal: `traces`, `logs` or `metrics`.
        rejected: how many spans or records were not.
        why: what to do about these.
        as_json: whether the request was JSON.
    """
    if as_json:
        partial = {REJECTED[signal]: str(rejected), "errorMessage": why}
        return json.dumps({"partialSuccess": partial} if rejected else {}).encode()
    return _bytes(1, b"\x08" + _varint(rejected) + _bytes(2, why.encode())) if rejected else b""


def refused(why: str, *, as_json: bool) -> bytes:
    """Return a google.rpc.Status with a message; HTTP's status says the rest."""
    return json.dumps({"message": why}).encode() if as_json else _bytes(2, why.encode())


def _bytes(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= _MORE:
        found.append(value & 0x7F | _MORE)
        value >>= 7
    return bytes([*found, value])
