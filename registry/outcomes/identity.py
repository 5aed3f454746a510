"""Identities as the registry keeps them: hashed again, with a key that never leaves its database.

A client's hash of a user id is guessed in a second, as its salt is public; this one is not.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

BYTES = 32  # of the key
BUCKETS = 100_000
HASH = re.compile(r"[0-9a-f]{16}")


def hashed(text: str) -> str:
    """Return what a client sends of a key or conversation: 16 hexadecimal digits of its SHA-256."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def masked(key: bytes, kind: str, digits: str) -> int:
    """Return what is kept of 16 hexadecimal digits of a kind: 63 bits of an HMAC-SHA-256."""
    return int.from_bytes(hmac.digest(key, f"{kind}:{digits}".encode(), "sha256")[:8], "big") >> 1


def bucket(unit: str) -> int:
    """Return the bucket of a unit, 0 to 99,999, as the bucketing scales it."""
    return int(unit, 16) * BUCKETS >> 64


def is_sampled(share: float, conversation: str | None, identifier: str) -> bool:
    """Return whether the operator's rule asks for the content of a call.

    Args:
        share: of calls, 0 to 1.
        conversation: the hash of the call's conversation, if it has one.
        identifier: the call's id.
    """
    digits = conversation or hashed(identifier)
    return int(digits, 16) * 1_000_000 >> 64 < round(share * 1_000_000)
