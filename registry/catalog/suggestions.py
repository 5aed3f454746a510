"""Suggest names like a mistyped one, among thousands in a millisecond. Pure.

Comparing two texts letter by letter is expensive, and any request may name a prompt that does not exist. So
only few are compared: the neighbours in the order of names, where most mistyped names fall.
"""

from __future__ import annotations

from bisect import bisect_left
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SUGGESTED = 3
COMPARED = 60  # names, some 20 us each
COMPARED_LENGTH = 80  # characters: the cost of a comparison grows with their square


def similar(name: str, names: Sequence[str]) -> list[str]:
    """Return the names most like this one, the most similar first; none for a long one.

    Args:
        name: any text.
        names: those that exist, sorted.
    """
    if len(name) > COMPARED_LENGTH:
        return []
    place = bisect_left(names, name)
    around = names[max(0, place - COMPARED // 2) : place + COMPARED // 2]
    return get_close_matches(name, [n for n in around if len(n) <= COMPARED_LENGTH], SUGGESTED)
