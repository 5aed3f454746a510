"""How tables fit into a terminal."""

from __future__ import annotations

import re

import pytest

from registry.cli import output

COLUMNS = [["prompt", "search/rewrite-query"], ["share", "█░░░░░░░░░ 5%"], ["next", "paused, 11h 59m left"]]


@pytest.mark.parametrize(
    ("room", "widths"),
    [
        (80, [20, 13, 20]),  # as wide as they want to be
        (45, [20, 13, 12]),  # what has words is wrapped first
        (36, [16, 13, 7]),  # then the widest is folded, wherever
        (3, [1, 1, 1]),
        (0, [1, 1, 1]),
    ],
)
def test_what_can_be_wrapped_gives_way_first(room: int, widths: list[int]) -> None:
    """A bar is never torn while a sentence can be; nothing is cut off."""
    assert output._fit(COLUMNS, room) == widths


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
def test_nothing_is_lost_on_a_narrow_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every character of every cell is somewhere."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    output.table(("name", "text"), [["a" * 30, "one two three"], ["b", "c" * 40]])

    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)

    assert [out.count(letter) for letter in "abc"] == [30, 1, 40]
    assert max(map(len, out.splitlines())) <= columns
