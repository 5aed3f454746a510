"""How soon harm is found, as an SVG: the share of rollouts that were taken back, by bad events."""

from __future__ import annotations

from html import escape
from math import log
from typing import TYPE_CHECKING

from bench.plot import BOTTOM, COLOURS, FONT, GREY, HEIGHT, LEFT, RIGHT, TOP, WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evidence.families import Simulated

FIRST, LAST = 4, 1000  # bad events
MARKS = (5, 10, 20, 50, 100, 200, 500, 1000)
TENTHS = 10
POINTS = 60


def svg(found: Mapping[str, Simulated]) -> str:
    """A line for each family; bad events on a logarithmic axis."""
    drawn = [*_frame(), *_lines(found)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" {FONT}>'
    return "\n".join((head, *drawn, "</svg>", ""))


def _x(events: float) -> float:
    return LEFT + (RIGHT + 120 - LEFT) * log(events / FIRST) / log(LAST / FIRST)


def _y(share: float) -> float:
    return BOTTOM + (TOP - BOTTOM) * share


def _frame() -> Iterator[str]:
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    yield _text(LEFT, TOP - 32, "How soon a guard finds harm", 'font-size="17"')
    said = "share of rollouts taken back, looked at after every call, alpha 5 %"
    yield _text(LEFT, TOP - 12, said, f'fill="{GREY}"')
    for tenth in range(0, TENTHS + 1, 2):
        y = _y(tenth / TENTHS)
        yield f'<path d="M{LEFT} {y:.1f}H{_x(LAST):.1f}" stroke="#dddddd"/>'
        yield _text(LEFT - 10, y + 4, f"{tenth * 10} %", 'text-anchor="end"')
    for events in MARKS:
        yield f'<path d="M{_x(events):.1f} {TOP}V{BOTTOM}" stroke="#dddddd"/>'
        yield _text(_x(events), BOTTOM + 20, f"{events:,}", 'text-anchor="middle"')
    middle = (LEFT + _x(LAST)) / 2
    yield _text(middle, BOTTOM + 42, "bad events, of both versions together", 'text-anchor="middle"')


def _lines(found: Mapping[str, Simulated]) -> Iterator[str]:
    events = [FIRST * (LAST / FIRST) ** (number / POINTS) for number in range(POINTS + 1)]
    for place, (colour, (name, family)) in enumerate(zip(COLOURS, found.items(), strict=False)):
        path = " ".join(f"{_x(many):.1f},{_y(family.within(int(many))):.1f}" for many in events)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        words = f'fill="{colour}" font-weight="bold"'
        yield _text(_x(LAST) + 14, TOP + 14 + 24 * place, name, words)


def _text(x: float, y: float, words: str, more: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'
