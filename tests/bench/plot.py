"""How measured work grows with the prompts, to look at: bars for the terminal, and lines as an SVG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import ceil, floor, log, log10
from typing import TYPE_CHECKING

from bench.measure import PER_SECOND
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.measure import Row

FLAT = 1.25  # times: what grew less than that is as flat as this can be measured
CELLS = 48  # of the longest bar
BLOCKS = " ▏▎▍▌▋▊▉█"  # eighths of a cell
WIDTH, HEIGHT = 1000, 600
LEFT, TOP, RIGHT, BOTTOM = 90, 60, 640, 540  # of what is within the axes
APART = 38  # from one label to the next
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#444444")
GREY = "#777777"
FONT = 'font-family="sans-serif" font-size="13"'


def curves(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each work that was measured with ever more prompts."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.prompts:
            found.setdefault(row.work, []).append(row)
    return found


def verdict(curve: Sequence[Row]) -> str:
    """How a work grows, in a few words."""
    grown, more = _ratio(curve, curve[-1]), _more(curve, curve[-1])
    return "flat" if grown <= FLAT else f"x {grown:{'.0f' if grown > 10 else '.1f'}} at {more:.0f} x as many"


def _ratio(curve: Sequence[Row], row: Row) -> float:
    return row.value / curve[0].value


def _more(curve: Sequence[Row], row: Row) -> float:
    return (row.prompts or 1) / (curve[0].prompts or 1)


# For the terminal


def bars(rows: Iterable[Row]) -> Table:
    """A bar for each work and size: how many times its value at the least size, on a logarithmic axis.

    Dots go on to where it were if it grew as the prompts do.
    """
    found = curves(rows)
    most = max(_more(curve, curve[-1]) for curve in found.values())
    table = Table("growth", box=None)
    table.add_column("prompts", justify="right")
    table.add_column("median", justify="right")
    table.add_column(_axis(most), no_wrap=True)
    table.add_column("ratio", justify="right")
    table.add_column("")
    for work, curve in found.items():
        says = verdict(curve)
        colour = "green" if says == "flat" else "yellow"
        for row in curve:
            bar = _bar(_ratio(curve, row), _more(curve, row), most)
            table.add_row(
                work if row is curve[0] else "", f"{row.prompts:,}", f"{row.value:.3g} {row.unit}",
                Text(bar, colour), f"{_ratio(curve, row):.2f}",
                Text(says if row is curve[-1] else "", colour),
            )  # fmt: skip
    return table


def _axis(most: float) -> str:
    line = ""
    for times in (*(10.0**power for power in range(ceil(log10(most)))), most):
        mark = f"{times:.0f} x"
        line = line.ljust(_eighths(times, most) // 8 - len(mark) // 2) + mark
    return line


def _bar(times: float, linear: float, most: float) -> str:
    full, rest = divmod(max(1, _eighths(times, most)), 8)
    bar = "█" * full + BLOCKS[rest].strip()
    return bar.ljust(_eighths(linear, most) // 8, "·")


def _eighths(times: float, most: float) -> int:
    """How long a bar is, in eighths of a cell."""
    return round(8 * CELLS * log(times) / log(most))


# As an SVG


@dataclass(frozen=True, slots=True)
class _Axes:
    """Two logarithmic axes: the least and the greatest of each."""

    prompts: tuple[float, float]
    seconds: tuple[float, float]

    def at(self, prompts: float, seconds: float) -> tuple[float, float]:
        """Where a point is on the sheet."""
        return _between(prompts, self.prompts, LEFT, RIGHT), _between(seconds, self.seconds, BOTTOM, TOP)


def _between(value: float, ends: tuple[float, float], start: float, end: float) -> float:
    return start + (end - start) * log(value / ends[0]) / log(ends[1] / ends[0])


def svg(rows: Iterable[Row]) -> str:
    """A line for each work, both axes logarithmic; a dashed one for what grows as the prompts do."""
    found = curves(rows)
    lines = {
        work: [(r.prompts or 1, r.value / PER_SECOND[r.unit]) for r in curve] for work, curve in found.items()
    }
    sizes = [prompts for prompts, _ in next(iter(lines.values()))]
    least = min(line[0][1] for line in lines.values())
    linear = [(prompts, least * prompts / sizes[0]) for prompts in sizes]
    heights = [log10(seconds) for line in (*lines.values(), linear) for _, seconds in line]
    axes = _Axes((sizes[0], sizes[-1]), (10.0 ** floor(min(heights)), 10.0 ** ceil(max(heights))))
    ends = [
        (axes.at(*line[-1])[1], colour, work, f"{_time(line[-1][1])}, {verdict(found[work])}")
        for colour, (work, line) in zip(COLOURS, lines.items(), strict=False)
    ]
    ends.append((axes.at(*linear[-1])[1], GREY, "for comparison", "what grows as the prompts do"))
    drawn = [
        *_frame(axes, sizes),
        _line(axes, linear, GREY, 'stroke-dasharray="6 5"'),
        *(_line(axes, line, colour) for colour, line in zip(COLOURS, lines.values(), strict=False)),
        *_labels(ends),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" {FONT}>'
    return "\n".join((head, *drawn, "</svg>", ""))


def _frame(axes: _Axes, sizes: Sequence[int]) -> Iterator[str]:
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    yield _text(LEFT, TOP - 32, "How cost grows with the number of prompts", 'font-size="17"')
    yield _text(LEFT, TOP - 12, "median time; both axes are logarithmic", f'fill="{GREY}"')
    for power in range(round(log10(axes.seconds[0])), round(log10(axes.seconds[1])) + 1):
        _, y = axes.at(sizes[0], 10.0**power)
        yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="#dddddd"/>'
        yield _text(LEFT - 10, y + 4, _time(10.0**power), 'text-anchor="end"')
    for prompts in sizes:
        x, _ = axes.at(prompts, axes.seconds[0])
        yield f'<path d="M{x:.1f} {TOP}V{BOTTOM}" stroke="#dddddd"/>'
        yield _text(x, BOTTOM + 20, f"{prompts:,}", 'text-anchor="middle"')
    yield _text((LEFT + RIGHT) / 2, BOTTOM + 42, "prompts", 'text-anchor="middle"')


def _line(axes: _Axes, points: Iterable[tuple[float, float]], colour: str, more: str = "") -> str:
    places = [axes.at(*point) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "" if more else "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places)
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5" {more}/>'
    return f'{line}<g fill="{colour}">{dots}</g>'


def _labels(ends: Iterable[tuple[float, str, str, str]]) -> Iterator[str]:
    """The names of the lines where they end, from the top down, none over another."""
    free = 0.0
    for y, colour, name, says in sorted(ends):
        place = max(y, free)
        free = place + APART
        yield _text(RIGHT + 14, place - 3, name, f'fill="{colour}" font-weight="bold"')
        yield _text(RIGHT + 14, place + 13, says, f'fill="{colour}"')


def _text(x: float, y: float, words: str, more: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def _time(seconds: float) -> str:
    unit = next((unit for unit in ("s", "ms") if seconds * PER_SECOND[unit] > 0.9999), "us")
    return f"{seconds * PER_SECOND[unit]:.3g} {unit}"
