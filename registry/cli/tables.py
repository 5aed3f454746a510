"""Fit rows into a terminal.

What has words is wrapped between them first. Where words would be torn, the widest column leaves the table
and gets a line of its own, above the row or below it: a name that was torn can be neither read nor copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    Rows = Sequence[Sequence[str]]

GAP = "  "  # between two columns
SHORT = 14  # characters of a cell that would look torn if it were wrapped, such as a bar
PROSE = 16  # characters of a column in which text can still be read
LEGIBLE = 20  # characters of a name that was shortened in its middle; with fewer, two look alike
MISSING = "…"  # in the place of the middle of a name


def plain(columns: Sequence[str], rows: Rows) -> Text:
    """Rows under their columns, as wide as they are, one a line."""
    lines = [[column.upper() for column in columns], *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return Text(
        "\n".join(
            GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
    )


def drawn(columns: Sequence[str], variants: Sequence[Rows], room: int) -> RenderableType:
    """Rows under their columns, in a room of so many characters.

    Args:
        columns: the headings.
        variants: the rows, and the same in fewer words; the first that fit are drawn. If there are
            several, names may be shortened, too, so that a row stays on one line.
        room: the width.
    """
    cells = _cells(columns, variants[0])
    for rows in variants:
        cells = _cells(columns, rows)
        if _width([max(map(len, column)) for column in cells]) <= room:
            return _table(columns, rows, [max(map(len, column)) for column in cells])
    rows = variants[-1]
    names = room - _width([max(map(len, column)) for column in cells[1:]]) - len(GAP)
    if len(variants) > 1 and names >= LEGIBLE:
        rows = [[shortened(name, names), *others] for name, *others in rows]
        return _table(columns, rows, [names, *(max(map(len, column)) for column in cells[1:])])
    return _stacked(columns, rows, cells, room)


def shortened(name: str, room: int) -> str:
    """A name without its middle: what it begins and ends with tells it from others."""
    if len(name) <= room:
        return name
    end = (room - len(MISSING)) // 2
    return f"{name[: room - len(MISSING) - end]}{MISSING}{name[len(name) - end :]}"


def fit(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """How wide columns are, given their cells: what can be wrapped between words gives way first."""
    widths = [max(map(len, cells)) for cells in columns]
    words = [max(map(_longest_word, cells)) for cells in columns]
    while sum(widths) > room and max(widths) > 1:
        spare = [(max(0, width - word), width) for width, word in zip(widths, words, strict=True)]
        widths[max(range(len(widths)), key=spare.__getitem__)] -= 1
    return widths


def _stacked(columns: Sequence[str], rows: Rows, cells: Rows, room: int) -> RenderableType:
    """Draw columns that fit as a table, and each of the others on a line of its own."""
    kept = list(range(len(columns)))
    least = [max(*map(_longest_word, column), min(PROSE, max(map(len, column)))) for column in cells]
    while len(kept) > 1 and _width([least[i] for i in kept]) > room - len(GAP) * (len(kept) < len(columns)):
        kept.remove(max(kept, key=lambda i: len(max(cells[i], key=len))))
    inset = 0 if len(kept) == len(columns) else len(GAP)
    widths = fit([cells[i] for i in kept], room - inset - len(GAP) * (len(kept) - 1))
    if not inset:
        return _table(columns, rows, widths)
    parts: list[RenderableType] = [_inset([columns[i] for i in kept], [], widths, inset)]
    for row in rows:
        if 0 not in kept:
            parts.append(Text(row[0]))
        parts.append(_inset(None, [[row[i] for i in kept]], widths, inset))
        below = [f"{columns[i]}: {cell}" for i, cell in enumerate(row) if i and i not in kept and cell]
        parts += [Padding(Text(text), (0, 0, 0, 2 * inset)) for text in below]
    return Group(*parts)


def _inset(columns: Sequence[str] | None, rows: Rows, widths: Sequence[int], inset: int) -> RenderableType:
    return Padding(_table(columns, rows, widths), (0, 0, 0, inset))


def _table(columns: Sequence[str] | None, rows: Rows, widths: Sequence[int]) -> Table:
    table = Table(box=None, padding=(0, len(GAP), 0, 0), pad_edge=False)
    table.show_header, table.header_style = columns is not None, "bold"
    for column, width in zip(columns or [""] * len(widths), widths, strict=True):
        table.add_column(column.upper(), overflow="fold", width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _cells(columns: Sequence[str], rows: Rows) -> list[list[str]]:
    """All that stands in each column, its heading among it."""
    return [[column, *(row[i] for row in rows)] for i, column in enumerate(columns)]


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _longest_word(cell: str) -> int:
    return len(cell) if len(cell) <= SHORT else max(map(len, cell.split()), default=0)
