"""Read the scenarios of feature files: the small part of Gherkin that OpenFeature's own files use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYWORD = re.compile(r"(Scenario Outline|Scenario|Examples|Given|When|Then|And):? ?(.*)")
CELL = re.compile(r"(?:\\.|[^|\\])*")
Table = list[dict[str, str]]


class Step(NamedTuple):
    """One line of a scenario, without its keyword, and the table below it."""

    text: str
    table: Table


class Scenario(NamedTuple):
    """A scenario, or one row of an outline's examples, with the row's values in its steps."""

    name: str
    row: dict[str, str]
    steps: list[Step]


def read(path: Path) -> list[Scenario]:
    """Read a file; the steps of its background are left out."""
    _, *parts = re.split(r"^ *(?=Scenario)", path.read_text(), flags=re.MULTILINE)
    return [scenario for part in parts for scenario in _scenarios(part.splitlines())]


def _scenarios(lines: list[str]) -> Iterator[Scenario]:
    name = ""
    steps: list[Step] = []
    rows: Table = []
    header: list[str] = []
    into = rows
    for line in (line.strip() for line in lines):
        if line.startswith("|"):
            cells = [cell.strip() for cell in CELL.findall(line[1:-1]) if cell]
            header = header or cells
            if cells is not header:
                into.append(dict(zip(header, cells, strict=True)))
        elif found := KEYWORD.match(line):
            keyword, text = found.groups()
            if keyword.startswith("Scenario"):
                name = text
            elif keyword == "Examples":
                header, into = [], rows
            else:
                steps.append(Step(text, []))
                header, into = [], steps[-1].table
    for row in rows or [{}]:
        yield Scenario(name, row, [Step(_filled(text, row), table) for text, table in steps])


def _filled(text: str, row: dict[str, str]) -> str:
    return re.sub(r"<(\w+)>", lambda found: row[found[1]], text)
