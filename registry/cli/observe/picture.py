"""Draw usage: a row for each row of the table, with bars for what people compare first."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from registry.system import figures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptstage.model import Json

ROW, TOP, BOTTOM = 26, 64, 20  # pixels
LABEL, PANEL, GAP = 300, 150, 90
LETTERS = 42  # of a label; more would run into the first panel
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2733}.title{font-size:16px;font-weight:600}"
    ".head{font-weight:600}.dim{fill:#5b6b7a}rect{fill:#3b6fb6}.bad{fill:#c2432f}.paper{fill:#fff}"
)


class Panel(NamedTuple):
    """One figure of all rows: its heading, its value of a row, how that is written, and its bars' style."""

    heading: str
    value: Callable[[Json], float | None]
    write: Callable[[float], str]
    style: str = ""


def _rate(row: Json) -> float | None:
    return row["errors"] / row["calls"] if row["calls"] else None


PANELS = (
    Panel("calls", lambda row: float(row["calls"]), lambda value: figures.count(int(value))),
    Panel("errors", _rate, lambda value: f"{100 * value:.1f} %", "bad"),
    Panel("p95", lambda row: row["p95_ms"], figures.milliseconds),
    Panel("cost a call", figures.cost_of_call, figures.dollars),
)


def draw(title: str, labels: Sequence[str], rows: Sequence[Json]) -> str:
    """Return an SVG of rows of usage.

    Args:
        title: what they are of.
        labels: what each row is of.
        rows: as the API has them.
    """
    width = LABEL + len(PANELS) * (PANEL + GAP)
    height = TOP + ROW * len(rows) + BOTTOM
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        _text(12, 26, title, "title"),
        *(_text(12, TOP + ROW * place + 17, _cut(label)) for place, label in enumerate(labels)),
    ]
    for number, panel in enumerate(PANELS):
        left = LABEL + number * (PANEL + GAP)
        parts.append(_text(left, TOP - 10, panel.heading, "head"))
        values = [panel.value(row) for row in rows]
        most = max((value for value in values if value is not None), default=0) or 1
        parts += [_bar(left, TOP + ROW * place, value, most, panel) for place, value in enumerate(values)]
    return "\n".join([*parts, "</svg>\n"])


def _bar(left: int, top: int, value: float | None, most: float, panel: Panel) -> str:
    if value is None:
        return _text(left, top + 17, figures.UNKNOWN, "dim")
    size = max(1, round(PANEL * value / most)) if value else 0
    bar = f'<rect class="{panel.style}" x="{left}" y="{top + 5}" width="{size}" height="{ROW - 10}"/>'
    return bar + _text(left + size + 6, top + 17, panel.write(value), "dim")


def _text(left: int, top: int, text: str, style: str = "") -> str:
    return f'<text class="{style}" x="{left}" y="{top}">{escape(text)}</text>'


def _cut(label: str) -> str:
    return label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…"
