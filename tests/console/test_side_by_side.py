"""Differences side by side: lines are paired where they are alike, and their words are marked."""

from __future__ import annotations

import difflib

import pytest

from registry.console.side_by_side import Row, rows


def compare(before: str, after: str) -> list[Row]:
    """The rows of two texts, of which each line is one."""
    unified = difflib.unified_diff(before.splitlines(), after.splitlines(), "a", "b", lineterm="")
    return list(rows("\n".join(unified)))


def plain(pieces: object) -> str:
    """A side as text, what differs in brackets."""
    return "".join(f"[{text}]" if differs else text for differs, text in pieces or ())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("be brief and kind", "be brief and warm", [("be brief and [kind]", "be brief and [warm]")]),
        ("one\ntwo", "one\ntwo\nthree", [("one", "one"), ("two", "two"), ("", "[three]")]),
        ("one\ngone\ntwo", "one\ntwo", [("one", "one"), ("[gone]", ""), ("two", "two")]),
        ("maxTokens: 300", "maxTokens: 350", [("maxTokens: [300]", "maxTokens: [350]")]),
        ("nothing alike here", "äöü € 漢字", [("", "[äöü € 漢字]"), ("[nothing alike here]", "")]),
        ("<b>\"x\" & 'y'</b>", "<b>\"z\" & 'y'</b>", [("<b>\"[x]\" & 'y'</b>", "<b>\"[z]\" & 'y'</b>")]),
        ("", "first line", [("", "[first line]")]),
    ],
)
def test_rows(before: str, after: str, shown: list[tuple[str, str]]) -> None:
    """Each row has both sides, or one of them."""
    assert [(plain(row.left), plain(row.right)) for row in compare(before, after)] == shown


def test_what_is_left_out_is_a_gap() -> None:
    """Between two places that differ, but not before the first."""
    before = "\n".join(["a", *map(str, range(30)), "z"])
    after = "\n".join(["b", *map(str, range(30)), "y"])
    kinds = [row.kind for row in compare(before, after)]

    assert kinds.count("gap") == 1
    assert kinds[0] == "changed"


def test_every_line_of_both_sides_is_there_once() -> None:
    """Whatever is paired with what."""
    before = [f"line {number} {'x' * (number % 7)}" for number in range(60)]
    after = [line.replace("x", "yy", 1) for line in before[::2]] + ["new"]
    found = compare("\n".join(before), "\n".join(after))
    left = ["".join(text for _, text in row.left) for row in found if row.left]
    right = ["".join(text for _, text in row.right) for row in found if row.right]

    assert set(left) <= set(before)
    assert len(left) == len(set(left))
    assert [line for line in right if line in after] == right
