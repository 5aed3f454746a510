"""Which calls are queued for people, which are judged twice, and in what order. Pure.

All that looks random follows from the id of a call, so that every process decides alike, and nobody can
choose.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Said = tuple[str, str, float | None]  # kind, name and value of a signal

SCORE, DOWN, EDITED, FLAG, SAMPLE, CHOSEN = 1, 2, 4, 8, 16, 32  # bits: why a call is in the queue
NAMES = {SCORE: "score", DOWN: "down", EDITED: "edited", FLAG: "flag", SAMPLE: "sample", CHOSEN: "chosen"}
BECAUSE_OF_FEEDBACK = {"down": DOWN, "edited": EDITED}
BOUND = 0.5  # a score below it is bad
ONE_IN = 50  # of the calls that nothing speaks against, for people to look at
TWICE_ONE_IN = 20  # of the calls that are judged, to see whether the judge contradicts itself
AGAIN = ":again"  # how the name of a second score ends
BITS = 63  # of a place: a signed integer of a database holds them


def place(call: bytes) -> int:
    """Return where a call stands in line: no kind of call comes first, and none can be put there."""
    return _hash("place", call) >> 64 - BITS


def is_sample(call: bytes) -> bool:
    """Return whether a call that nothing speaks against is queued all the same."""
    return _hash("sample", call) % ONE_IN == 0


def is_judged_twice(call: bytes) -> bool:
    """Return whether a call is judged a second time."""
    return _hash("twice", call) % TWICE_ONE_IN == 0


def reasons(call: bytes, said: Iterable[Said]) -> int:
    """Return why a call is in the queue, given what was said of it; 0: it is not."""
    found = SAMPLE if is_sample(call) else 0
    for kind, name, value in said:
        if kind == "flag":
            found |= FLAG
        elif kind == "feedback":
            found |= BECAUSE_OF_FEEDBACK.get(name, 0)
        elif kind == "score" and value is not None and value < BOUND:
            found |= SCORE
    return found


def chance(found: int) -> float | None:
    """Return how likely a call with these reasons was to be queued; None: a person chose it by hand."""
    if found & (SCORE | DOWN | EDITED | FLAG):
        return 1.0
    return 1 / ONE_IN if found & SAMPLE else None


def shown(found: int, *, scores: bool) -> list[str]:
    """Return the names of reasons; without that of a low score, which would tell what the judge says."""
    return [name for bit, name in NAMES.items() if found & bit and (scores or bit != SCORE)]


def is_good(value: float) -> bool:
    """Return whether a score says that an answer is good."""
    return value >= BOUND


def _hash(what: str, call: bytes) -> int:
    return int.from_bytes(sha256(what.encode() + b"\0" + call).digest()[:8], "big")
