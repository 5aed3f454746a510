"""Evaluate a release for a key: one pure function, the same in the client and in the registry.

No clock, no input or output, no randomness of its own: a release, a key and attributes go in, a
decision comes out. The bucketing (``algo`` "v1") is integer arithmetic over SHA-256, so that every
language comes to the same answer.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from promptstage.model import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptstage.model import Condition, Release, Slot, Split

BUCKETS = 100_000

STATIC = "STATIC"
TARGETING_MATCH = "TARGETING_MATCH"
SPLIT = "SPLIT"
PINNED = "PINNED"
FALLBACK = "FALLBACK"
CANARY = "canary"


def bucket(salt: str, key: str) -> int:
    """The bucket of a key in a rollout: 0 to 99,999, evenly spread.

    The first eight bytes, big endian, of SHA-256 over UTF-8 (see `encoded`) of ``"v1" NUL salt NUL key``,
    scaled to the buckets.
    """
    digest = sha256(encoded(f"v1\0{salt}\0{key}")).digest()
    return int.from_bytes(digest[:8], "big") * BUCKETS >> 64


def unit(salt: str, key: str) -> bytes:
    """The unit of a key in a rollout: the eight bytes of its hash that `bucket` scales."""
    text = f"v1\0{salt}\0{key}"
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = encoded(text)
    return sha256(data).digest()[:8]


def bucket_of(unit: bytes) -> int:
    """The bucket of a unit."""
    return int.from_bytes(unit, "big") * BUCKETS >> 64


def slot_at(split: Split, bucket: int) -> Slot | None:
    """The slot that holds a bucket, the first if several do."""
    return next((slot for slot in split.slots if slot.start <= bucket < slot.start + slot.size), None)


def measured(split: Split) -> int:
    """How many buckets are compared at each end: those of the canary are, and as many of the others.

    With `c` buckets of the canary they are the first and the last ``min(c, 100000 - c)``: the canary has one
    half of what is measured at every step.
    """
    canary = next((slot.size for slot in split.slots if slot.arm == CANARY and slot.start == 0), 0)
    return min(canary, BUCKETS - canary)


def encoded(text: str) -> bytes:
    """A text in UTF-8; a lone surrogate, which that cannot hold, counts as U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def decide(release: Release, key: str, attributes: Mapping[str, object] | None = None) -> Decision:
    """Choose the version that one key gets from a release.

    Args:
        release: what the environment serves under one name.
        key: what stays on one arm, such as a user id; not empty.
        attributes: what targets are compared with; a list attribute matches with any element.
    """
    split = release.split
    rollout = split.rollout if split else None
    for target in release.targets:
        if attributes and all(_holds(condition, attributes) for condition in target.when):
            return Decision(target.version, target.arm, TARGETING_MATCH, rollout, None)
    if split is None:
        return Decision(release.default_version, release.default_arm, STATIC, None, None)
    position = bucket(split.salt, key)
    for slot in split.slots:
        if slot.start <= position < slot.start + slot.size:
            return Decision(slot.version, slot.arm, SPLIT, rollout, position)
    return Decision(release.default_version, release.default_arm, SPLIT, rollout, position)


def _holds(condition: Condition, attributes: Mapping[str, object]) -> bool:
    value = attributes.get(condition.attribute)
    elements = value if isinstance(value, list | tuple | set | frozenset) else (value,)
    return any(_as_text(element) in condition.values for element in elements if element is not None)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # of an enum its value, as JSON has it
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
