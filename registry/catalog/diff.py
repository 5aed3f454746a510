"""The differences between two versions of a prompt. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise, takewhile
from operator import eq
from typing import TYPE_CHECKING, Any

from promptstage.model import EDITION, dump_document
from registry.catalog.parsing import partials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry.catalog.version import Version

WORK = 60_000  # steps, some 20 ms: 300 changed lines among any number of unchanged ones
CONTEXT = 3  # lines around a change, as everywhere

Block = tuple[int, int, int]  # lines in both: the place in the old, the place in the new, the count
Rows = list[dict[int, int]]  # by number of edits: the old line that each diagonal was followed to


def unified(old: Sequence[str], new: Sequence[str], work: int = WORK) -> tuple[list[str], bool]:
    """Return the lines of a unified diff without its two headings, and whether it is the shortest one.

    If the two differ too much, everything but their common beginning and end is given as replaced.
    """
    head, tail = _ends(old, new)
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    rows = _search(before, after, work)
    middle = [] if rows is None else _blocks(rows, len(before), len(after))
    blocks = [(0, 0, head), *((x + head, y + head, size) for x, y, size in middle)]
    blocks.append((len(old) - tail, len(new) - tail, tail))
    return list(_hunks(old, new, blocks)), rows is not None


def _ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Count the common lines at the beginning, and of the rest at the end."""
    head = _same(old, new)
    return head, _same(old[: head - 1 if head else None : -1], new[: head - 1 if head else None : -1])


def _same(old: Sequence[str], new: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(bool, map(eq, old, new)))


def _search(old: Sequence[str], new: Sequence[str], work: int) -> Rows | None:
    """Follow every diagonal with a rising number of edits until one reaches the end."""
    reached, rows = {1: 0}, []
    for edits in range(len(old) + len(new) + 1):
        row: dict[int, int] = {}
        for diagonal in range(-edits, edits + 1, 2):
            down = _comes_from_above(reached, diagonal, edits)
            begin = x = reached[diagonal + 1] if down else reached[diagonal - 1] + 1
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            row[diagonal] = x
            work -= 1 + x - begin
        rows.append(row)
        if row.get(len(old) - len(new), -1) >= len(old):
            return rows
        if work < 0:
            return None
        reached = row
    return rows


def _comes_from_above(reached: dict[int, int], diagonal: int, edits: int) -> bool:
    """Return whether the farthest way to a diagonal inserts a new line rather than deletes an old one."""
    return diagonal == -edits or (diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1])


def _blocks(rows: Rows, x: int, y: int) -> list[Block]:
    """Trace the way back from the end."""
    found: list[Block] = []
    for edits in range(len(rows) - 1, 0, -1):
        diagonal = x - y
        down = _comes_from_above(rows[edits - 1], diagonal, edits)
        before = diagonal + 1 if down else diagonal - 1
        left = rows[edits - 1][before]
        begin = left if down else left + 1
        found.append((begin, begin - diagonal, x - begin))
        x, y = left, left - before
    found.append((0, 0, x))
    return [block for block in reversed(found) if block[2]]


def _hunks(old: Sequence[str], new: Sequence[str], blocks: Iterable[Block]) -> Iterator[str]:
    """Write the changes between blocks, with nearby ones in one hunk."""
    changes = [
        ((a + size, next_a), (b + size, next_b))
        for (a, b, size), (next_a, next_b, _) in pairwise(blocks)
        if a + size < next_a or b + size < next_b
    ]
    while changes:
        near = 1
        while near < len(changes) and changes[near][0][0] - changes[near - 1][0][1] <= 2 * CONTEXT:
            near += 1
        yield from _hunk(old, new, changes[:near])
        changes = changes[near:]


def _hunk(
    old: Sequence[str], new: Sequence[str], changes: Sequence[tuple[tuple[int, int], tuple[int, int]]]
) -> Iterator[str]:
    (first, first_new), (last, last_new) = changes[0], changes[-1]
    before = min(CONTEXT, first[0])
    after = min(CONTEXT, len(old) - last[1])
    start, end = first[0] - before, last[1] + after
    yield f"@@ -{_range(start, end)} +{_range(first_new[0] - before, last_new[1] + after)} @@"
    place = start
    for (gone, gone_end), (come, come_end) in changes:
        yield from (f" {line}" for line in old[place:gone])
        yield from (f"-{line}" for line in old[gone:gone_end])
        yield from (f"+{line}" for line in new[come:come_end])
        place = gone_end
    yield from (f" {line}" for line in old[place:end])


def _range(start: int, end: int) -> str:
    """Format a range of lines for a hunk, from 1; an empty one by the line before."""
    count = end - start
    return f"{start + 1 if count else start}" + ("" if count == 1 else f",{count}")


def diff(a: Version, b: Version) -> dict[str, Any]:
    """Compare two versions read in full.

    Returns:
        ``unified``: the files' unified diff as text; ``simplified``: whether they differ so much that most
        of it is given as replaced; ``changed``: the document's fields that differ, in their order, none
        if either is invalid; ``partials``: the paths of the partials that differ. In the unified diff the
        partials are in place of the tags that ask for them.
    """
    lines, shortest = unified(_lines(a), _lines(b))
    heads = [f"--- {a.name}@{a.version}", f"+++ {b.name}@{b.version}"] if lines else []
    text = "".join(f"{line}\n" for line in heads + lines)
    return {
        "unified": text,
        "simplified": not shortest,
        "changed": _changed(a, b),
        "partials": _changed_partials(a, b),
    }


def _lines(version: Version) -> list[str]:
    return partials.as_read(version.content or b"")


def _changed_partials(a: Version, b: Version) -> list[str]:
    old, new = (partials.split(version.content or b"")[1] for version in (a, b))
    return sorted(path for path in old | new if old.get(path) != new.get(path))


def _changed(a: Version, b: Version) -> list[str]:
    if a.document is None or b.document is None:
        return []
    # Written in one form, in which they have the same keys.
    old, new = (
        dump_document(replace(document, edition=EDITION)) | {"edition": document.edition}
        for document in (a.document, b.document)
    )
    # Compared as JSON: in Python, 1 equals true.
    written = [{key: json.dumps(value, sort_keys=True) for key, value in each.items()} for each in (old, new)]
    return [key for key in new if written[0][key] != written[1][key]]
