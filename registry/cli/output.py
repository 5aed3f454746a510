"""How the command line speaks: plain aligned text in a pipe, colours and tables on a terminal only."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from registry.text import SHOWN, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "  # between two columns


def clean(text: object, limit: int = SHOWN) -> str:
    """Make foreign text fit for a terminal: one line, and nothing in it that the terminal would obey."""
    return escape(str(text).encode("utf-8", "surrogatepass"), limit)


def say(text: str = "", style: str = "") -> None:
    """Print a line as it is, in a style (rich's) if this is a terminal; what is foreign is clean by now."""
    _console().print(Text(text, style), soft_wrap=True)


def complain(sentence: str) -> None:
    """Say on stderr why nothing was done."""
    _console(sys.stderr).print(Text("Error: ", "bold red"), Text(sentence), sep="", soft_wrap=True)


def note(sentence: str) -> None:
    """Say on stderr what is worth knowing, although all went well."""
    _console(sys.stderr).print(Text("Note: ", "yellow"), Text(sentence), sep="", soft_wrap=True)


def dump(data: object) -> None:
    """Print JSON for a program."""
    print(json.dumps(data, indent=2))  # ASCII, so that nothing in it reaches a terminal either


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their columns; the cells are clean by now."""
    console = _console()
    if console.is_terminal:
        console.print(_drawn(columns, rows))
        return
    lines = [[column.upper() for column in columns], *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print(GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    drawn = Table(box=None, padding=(0, len(GAP), 0, 0), header_style="bold")
    for column in columns:
        drawn.add_column(column.upper(), overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _console(file: Any = None) -> Console:
    # Made for each line: what sys.stdout is may change, and a line costs nothing beside a command.
    return Console(file=file or sys.stdout, highlight=False, emoji=False, markup=False)
