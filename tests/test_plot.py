"""The plot of the bench: what is flat is called so, and what grows is seen to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from bench import plot
from bench.measure import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (10, 1_000, 5_000)
SVG = "{http://www.w3.org/2000/svg}"


def rows(work: str, *values: float) -> Iterator[Row]:
    """A work that was measured at each size."""
    for prompts, value in zip(SIZES, values, strict=True):
        yield Row(work, value, "ms", prompts=prompts)


FLAT, LINEAR = tuple(rows("get <one>", 0.2, 0.19, 0.22)), tuple(rows("sync", 1, 100, 500))


def test_what_is_flat_is_called_flat() -> None:
    """And of what is not it is said how much it grew, when there were how many times as many."""
    assert plot.verdict(FLAT) == "flat"
    assert plot.verdict(LINEAR) == "x 500 at 500 x as many"


def test_a_bar_shows_how_often_its_first_value_it_is() -> None:
    """On a logarithmic axis; what grows as the prompts do fills it at the greatest size."""
    bars = list(plot.bars([*FLAT, *LINEAR]).columns[3].cells)

    assert [str(bar).count("█") for bar in bars] == [0, 0, 0, 0, 35, plot.CELLS]


def test_a_line_is_drawn_for_each_work() -> None:
    """With its name, and one more to compare it with; what was not measured at several sizes has none."""
    drawn = ET.fromstring(plot.svg([*FLAT, *LINEAR, Row("alone", 1, "ms")]))
    words = [text.text for text in drawn.iter(f"{SVG}text")]

    assert len(list(drawn.iter(f"{SVG}polyline"))) == 3
    assert {"get <one>", "sync"} < set(words)
    assert "alone" not in words
