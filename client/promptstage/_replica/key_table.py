"""Lay out a split for speed: a key finds its prompt with one hash and one search.

It decides as `evaluation.decide` does, for releases in which nothing counts but the key; what it saves is
the arithmetic, the walk along the slots, and a decision made anew for each call.
"""

from __future__ import annotations

from bisect import bisect_right
from hashlib import sha256
from typing import TYPE_CHECKING

from promptstage.evaluation import BUCKETS, encoded, slot_at
from promptstage.limits import KEPT_KEYS, KEY_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage.model import Slot, Split
    from promptstage.prompt import Prompt


class KeyTable:
    """The prompts of one split, by key; any thread may ask.

    ``bucket < b`` (see `evaluation.bucket`) holds if and only if the hash, read as bytes, comes before the
    least number whose bucket is `b`. So the bounds of the slots are kept as such bytes, and what lies
    between two of them as one prompt.
    """

    __slots__ = ("_bounds", "_kept", "_prompts", "_salted")

    def __init__(self, split: Split, choose: Callable[[Slot | None], Prompt]) -> None:
        """Lay it out; `choose` gives the prompt of a slot, and for None that of all other keys."""
        self._salted = sha256(encoded(f"v1\0{split.salt}\0"))
        edges = sorted({edge for slot in split.slots for edge in (slot.start, slot.start + slot.size)})
        inner = [edge for edge in edges if 0 < edge < BUCKETS]
        self._bounds = [_least(edge) for edge in inner]
        self._prompts = [choose(slot_at(split, start)) for start in (0, *inner)]
        self._kept: dict[str, Prompt] = {}

    def find(self, key: str) -> Prompt:
        """The prompt of a key, which is not empty."""
        kept = self._kept
        found = kept.get(key)
        if found is not None:
            return found
        hashed = self._salted.copy()  # in less time than a new one takes to set up
        try:
            hashed.update(key.encode())
        except UnicodeEncodeError:
            hashed.update(encoded(key))
        found = self._prompts[bisect_right(self._bounds, hashed.digest())]
        if len(key) <= KEY_CHARACTERS:
            if len(kept) >= KEPT_KEYS:
                kept.clear()  # cheaper than to know which key is the oldest
            kept[key] = found
        return found


def _least(edge: int) -> bytes:
    """The least eight bytes whose bucket is `edge`; as bytes they come before all that begin with them."""
    return (-(-(edge << 64) // BUCKETS)).to_bytes(8, "big")
