"""The identities of a call: its id, its unit in a rollout, and the hashes that stand for people."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

from promptstage.clock import wall
from promptstage.evaluation import BUCKETS, PINNED, SPLIT, bucket_of, encoded, slot_at, unit

if TYPE_CHECKING:
    from promptstage.prompt import Prompt

DIGITS = 16  # of a hash on the wire
_RATES = 1_000_000  # what a sample is rounded to
_BY_BUCKET = (SPLIT, PINNED)
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))  # the first digit of the fourth group


def make_id(at: float) -> str:
    """A UUID of version 7 (RFC 9562): the milliseconds of a time, and 74 random bits."""
    time, drawn = f"{int(at * 1000):012x}", os.urandom(10).hex()
    variant = _VARIANT[drawn[3]]
    return f"{time[:8]}-{time[8:]}-7{drawn[:3]}-{variant}{drawn[4:7]}-{drawn[7:19]}"


def new_id() -> str:
    """An id of now."""
    return make_id(wall())


NO_UNIT = (None, False)


def unit_of(prompt: Prompt, key: str | None) -> tuple[bytes | None, bool]:
    """The unit of a call, and whether it is measured. There is none where its bucket did not decide.

    A conversation that goes on with its pin counts as long as that says what its own bucket would: the
    rollout under way, and the same arm.
    """
    origin = prompt.origin
    if origin is None or origin.split is None or key is None or prompt.reason not in _BY_BUCKET:
        return NO_UNIT
    split = origin.split
    value = unit(split.salt, key)
    bucket = bucket_of(value)
    if prompt.reason == PINNED:
        slot = slot_at(split, bucket)
        if (prompt.rollout, prompt.arm) != (split.rollout, slot.arm if slot else origin.default_arm):
            return NO_UNIT
    return value, bucket < origin.measured or bucket >= BUCKETS - origin.measured


def hashed(text: str | None) -> str | None:
    """What stands on the wire for a key or a conversation."""
    return sha256(encoded(text)).hexdigest()[:DIGITS] if text else None


def is_sampled(text: str, sample: float) -> bool:
    """Whether the content of a call is in the sample; the registry decides in the same way.

    Args:
        text: the conversation, all of whose calls are, or none; without one the call's id.
        sample: the share of them, from 0 to 1.
    """
    first = int.from_bytes(sha256(encoded(text)).digest()[:8], "big")
    return first * _RATES >> 64 < round(sample * _RATES)
