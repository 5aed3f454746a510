"""How tables fit into a terminal."""

from __future__ import annotations

import re

import pytest

from registry.cli import output, tables

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
    assert tables.fit(COLUMNS, room) == widths


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


LONG = "support/triage-incoming-messages-by-urgency"


def seen(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that a terminal shows."""
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()]


@pytest.mark.parametrize("width", [80, 60, 200])
def test_a_name_is_never_torn(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is anything else; what does not fit beside the rest has a line of its own."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    row = [LONG, "2026-01-31T14:05:00Z", "checkout-frontend", "it is what was asked for by the support team"]
    output.table(("prompt", "at", "actor", "reason"), [row])
    lines = seen(capsys)

    assert max(map(len, lines)) <= width
    assert all(any(cell in line for line in lines) for cell in row[:3])
    assert (len(lines) == 2) is (width == 200)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (200, f"{LONG}  █░░░░░░░░░ 5%  paused, 12h left"),
        (70, f"{LONG}  5%     paused"),
        (50, "support/triage-in…ssages-by-urgency  5%     paused"),
    ],
)
def test_a_row_of_few_words_stays_on_one_line(
    width: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """First it is said in fewer words, then the name loses its middle."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    full, terse = [LONG, "█░░░░░░░░░ 5%", "paused, 12h left"], [LONG, "5%", "paused"]
    output.show(output.grid(("prompt", "share", "next"), [full], [terse]))

    assert seen(capsys)[1:] == [line]


def test_a_row_that_needs_more_than_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a name would be cut beyond recognition it stands above the rest, whole."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "46")
    row = [LONG, "1.0.0", "waits for you, or approval"]
    output.show(output.grid(("prompt", "stable", "next"), [row], [row]))

    assert seen(capsys) == ["  STABLE  NEXT", LONG, "  1.0.0   waits for you, or approval"]
