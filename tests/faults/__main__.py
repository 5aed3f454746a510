"""``make faults``: inject faults until it is a proof, and print what was lost, wrong or stale.

python -m faults [NAME...]    runs all proofs in full, or those that are named.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

from faults.proofs import PROOFS, prove
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from faults.proof import Result

COLOURS = {"held": "green", "broken": "bold red", "void": "yellow"}


def main(names: list[str]) -> int:
    """Run proofs one after the other; 0 if all promises held."""
    logging.lastResort = None  # the registry complains of the faults, and the table tells of them
    console = Console()
    if unknown := [name for name in names if name not in PROOFS]:
        console.print(f"there is no {', '.join(unknown)}; there are {', '.join(PROOFS)}")
        return 2
    table = Table("proof", "fault", "injected", "lost", "wrong", "stale", "verdict", "note", box=None)
    held = True
    for name in names or PROOFS:
        begun = time.monotonic()
        for result in prove(name, full=True):
            held = held and result.verdict == "held"
            table.add_row(name, *_cells(result))
        console.print(f"{name}: {time.monotonic() - begun:.0f} s")
    console.print(table)
    return 0 if held else 1


def _cells(result: Result) -> list[str]:
    counts = (result.injected, result.lost, result.wrong, result.stale)
    colour = COLOURS[result.verdict]
    return [
        result.what,
        *map(str, counts),
        f"[{colour}]{result.verdict}[/{colour}]",
        result.void or result.note,
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
