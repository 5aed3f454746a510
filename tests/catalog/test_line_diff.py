"""A difference is right and the shortest, or plain: never dear."""

from __future__ import annotations

import re
import time
from difflib import unified_diff
from itertools import cycle, islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.diff import unified

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES = st.lists(st.sampled_from("abcd"), max_size=12)
BYTES = 250_000  # of each file


def applied(old: Sequence[str], lines: Sequence[str]) -> list[str]:
    """What `patch` makes of the old lines."""
    made: list[str] = []
    place = 0
    for line in lines:
        if found := re.match(r"@@ -(\d+)(,0)?", line):
            start = int(found[1]) if found[2] else int(found[1]) - 1
            made += old[place:start]
            place = start
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert old[place] == line[1:]
            made += [line[1:]] if line[0] == " " else []
            place += 1
    return made + list(old[place:])


@given(old=LINES, new=LINES, work=st.sampled_from((0, 10, 10_000)))
def test_it_leads_from_one_to_the_other(old: list[str], new: list[str], work: int) -> None:
    """Whether or not there was enough work for the shortest."""
    assert applied(old, unified(old, new, work)[0]) == new


@given(old=LINES, new=LINES)
def test_it_is_the_shortest(old: list[str], new: list[str]) -> None:
    """No longer than that of the standard library."""
    ours, shortest = unified(old, new)
    theirs = list(unified_diff(old, new, lineterm=""))[2:]

    assert shortest
    assert changed(ours) <= changed(theirs)


def changed(lines: Sequence[str]) -> int:
    """How many lines are added or gone."""
    return sum(line[0] in "+-" for line in lines)


def test_it_reads_as_that_of_the_standard_library() -> None:
    """The same hunks, with three lines around each change."""
    old = [str(number) for number in range(40)]
    new = [*old[:3], "three", *old[4:10], "more", *old[10:30], *old[31:]]

    assert unified(old, new)[0] == list(unified_diff(old, new, lineterm=""))[2:]


@pytest.mark.parametrize(
    ("old", "new"),
    [("a", "ba"), ("ab", "ba"), ("abcdefg", "aecbd"), ("aab", "abb")],
    ids=["one line, again and again", "two in turns", "seven and five", "nearly the same"],
)
def test_hostile_files_are_compared_in_a_moment(old: str, new: str) -> None:
    """Lines that repeat are the worst; the standard library takes half a minute and more for such files."""
    before, after = (list(islice(cycle(lines), BYTES // 2)) for lines in (old, new))
    begun = time.process_time()
    lines, shortest = unified(before, after)

    assert time.process_time() - begun < 2  # some 0.1 s on a quiet machine
    assert not shortest
    assert applied(before, lines) == after
