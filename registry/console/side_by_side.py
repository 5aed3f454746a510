"""Two texts side by side, with the words that differ marked. Pure."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WORD = re.compile(r"\w+|\s+|[^\w\s]")
ALIKE = 0.5  # less alike, two lines are shown as one taken out and another put in
LONGEST = 2000  # characters of a line whose words are compared: the time grows with their square

Piece = tuple[bool, str]  # whether it differs, and the text


class Row(NamedTuple):
    """A line on each side; no pieces where a side has none."""

    kind: str  # same, changed, gap
    left: Sequence[Piece] | None
    right: Sequence[Piece] | None


def rows(unified: str) -> Iterator[Row]:
    """Yield the rows of a unified diff, whose first two lines name the sides."""
    removed: list[str] = []
    added: list[str] = []
    for number, line in enumerate(unified.splitlines()[2:]):
        sign, text = line[:1], line[1:]
        if sign == "-":
            if added:
                yield from _changed(removed, added)
                removed, added = [], []
            removed.append(text)
        elif sign == "+":
            added.append(text)
        else:
            yield from _changed(removed, added)
            removed, added = [], []
            if sign == "@" and number:
                yield Row("gap", None, None)
            elif sign == " ":
                yield Row("same", [(False, text)], [(False, text)])
    yield from _changed(removed, added)


def _changed(removed: Sequence[str], added: Sequence[str]) -> Iterator[Row]:
    """Pair the lines that were taken out with those put in, in order, where they are alike."""
    for left, right in _pairs(removed, added):
        if left is None or right is None:
            yield Row(
                "changed",
                None if left is None else [(True, left)],
                None if right is None else [(True, right)],
            )
        else:
            yield Row("changed", *_marked(left, right))


def _pairs(removed: Sequence[str], added: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    left, right = list(removed), list(added)
    while left and right:
        if _are_alike(left[0], right[0]):
            yield left.pop(0), right.pop(0)
        elif len(left) > len(right):
            yield left.pop(0), None
        else:
            yield None, right.pop(0)
    yield from ((line, None) for line in left)
    yield from ((None, line) for line in right)


def _are_alike(left: str, right: str) -> bool:
    before, after = (WORD.findall(side.strip()[:LONGEST]) for side in (left, right))
    return SequenceMatcher(None, before, after, autojunk=False).ratio() >= ALIKE


def _marked(left: str, right: str) -> tuple[list[Piece], list[Piece]]:
    if len(left) + len(right) > LONGEST:
        return [(True, left)], [(True, right)]
    before, after = WORD.findall(left), WORD.findall(right)
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        for side, words in zip(sides, (before[i1:i2], after[j1:j2]), strict=True):
            if words:
                side.append((kind != "equal", "".join(words)))
    return sides
