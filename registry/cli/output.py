"""Write to a terminal or a pipe: colours and tables on a terminal only, else plain aligned text."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from itertools import zip_longest
from textwrap import wrap
from threading import Timer
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from registry.cli import tables
from registry.cli.tables import GAP
from registry.system.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import RenderableType

    from registry.errors import RegistryError

PATIENCE_SECONDS = 3.0  # then a person wonders whether anything happens at all
NARROW = 20  # characters of a column in which nothing is wrapped any more
PATH_SHOWN = 1000  # characters of a path; a shortened one is of no use


def say(text: str = "", style: str = "") -> None:
    """Print a line as it is, in a style (rich's) if this is a terminal; what is foreign is clean by now."""
    _console().print(Text(text, style), soft_wrap=True)


def pieces(*parts: tuple[str, str]) -> None:
    """Print a line of pieces, each with a style of its own."""
    _console().print(Text.assemble(*parts), soft_wrap=True)


def complain(sentence: str) -> None:
    """Say on stderr why nothing was done."""
    _remark("Error: ", "bold red", sentence)


def tell(text: str, style: str = "") -> None:
    """Print on stderr what belongs to the dialogue, not to the result."""
    _write(Text(text, style))


def note(sentence: str) -> None:
    """Say on stderr what is worth knowing, although all went well."""
    _remark("Note: ", "yellow", sentence)


def _remark(word: str, style: str, sentence: str) -> None:
    _write(Text.assemble((word, style), _harmless(sentence)))


def _write(text: Text) -> None:
    """Write on stderr, wrapped between words on a terminal; what follows a `GAP` is there to be copied."""
    console = _console(sys.stderr)
    for part in text.split(allow_blank=True):
        console.print(part, soft_wrap=not console.is_terminal or GAP in part.plain)


def dump(data: object) -> None:
    """Print JSON for a program."""
    print(json.dumps(data, indent=2))  # ASCII, so that nothing in it reaches a terminal either


def problem(error: RegistryError) -> dict[str, Any]:
    """An error for a program: the registry's own answer, or one of that form with no status."""
    told = {"type": "about:blank", "title": type(error).__name__, "status": None}
    return {**told, "detail": error.message, "code": error.code, **error.extra}


def ask(question: str) -> bool:
    """Ask a person; on stderr, so that what a pipe carries stays the result alone."""
    return typer.confirm(question, err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Let pass who answers yes, or said so before; without a person to ask nothing is asked."""
    if not yes and is_dialogue() and not ask(question):
        raise typer.Exit(1)


def is_dialogue() -> bool:
    """Whether somebody reads what is said on stderr, and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def is_terminal_aside() -> bool:
    """Whether what is said on stderr is shown on a terminal, and can be put in the place of what was said."""
    return _console(sys.stderr).is_terminal


def line(text: str = "", style: str = "") -> Text:
    """A line to be shown, in a style of rich's."""
    return Text(text, style)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their columns; the cells are clean by now."""
    show(grid(columns, rows))


def grid(columns: Sequence[str], *variants: Sequence[Sequence[str]]) -> RenderableType:
    """Rows under their columns, to be shown; the cells are clean by now.

    Other variants are the same in fewer words, for a terminal that is too narrow for the one before; a
    pipe gets the first.
    """
    console = _console()
    if not console.is_terminal:
        return tables.plain(columns, variants[0])
    return tables.drawn(columns, variants, console.width)


def height() -> int | None:
    """The lines that a terminal shows; None: this is none."""
    console = _console()
    return console.height if console.is_terminal else None


def facts(rows: Sequence[Sequence[str]], styles: Sequence[str] = (), *, aside: bool = False) -> None:
    """Print rows without a heading; on a terminal the last cell is wrapped in its column.

    Args:
        rows: the cells, clean by now.
        styles: one a row, if there are any.
        aside: whether they belong to the dialogue, not to the result.
    """
    console = _console(sys.stderr if aside else None)
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    for row, style in zip_longest(rows, styles, fillvalue=""):
        labels, text = row[:-1], row[-1]
        before = "".join(cell.ljust(width) + GAP for cell, width in zip(labels, widths, strict=True))
        room = console.width - len(before)
        wrapped = (
            wrap(text, room, break_on_hyphens=False) if console.is_terminal and room > NARROW else [text]
        )
        for line in wrapped or [""]:
            console.print(Text((before + line).rstrip(), style), soft_wrap=True)
            before = " " * len(before)


def show(*parts: RenderableType) -> None:
    """Print what `line` and `grid` made, one below the other."""
    for part in parts:
        _console().print(part, soft_wrap=isinstance(part, Text))


@contextmanager
def redrawing() -> Iterator[tuple[Callable[..., None], bool]]:
    """Yield a `show` for what changes, and whether it puts parts in the place of those before.

    It does on a terminal; elsewhere they come one below the other.
    """
    console = _console()
    if not console.is_terminal:
        yield show, False
        return
    with Live(console=console, auto_refresh=False) as live:
        yield (lambda *parts: live.update(Group(*parts), refresh=True)), True


@contextmanager
def impatience(sentence: str) -> Iterator[None]:
    """Say inside the block, if it takes long, what it waits for."""
    timer = Timer(PATIENCE_SECONDS, note, [sentence])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield what tells on a terminal, on one line of stderr, how far something is; nothing stays of it."""
    console = _console(sys.stderr)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update


def _harmless(sentence: str) -> str:
    """A sentence of some lines without what a terminal would obey: it may name a file, or quote git."""
    return "\n".join(map(visible, sentence.split("\n")))


def _console(file: Any = None) -> Console:
    # Made for each line: what sys.stdout is may change, and a line costs nothing beside a command.
    return Console(file=file or sys.stdout, highlight=False, emoji=False, markup=False)
