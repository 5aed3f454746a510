"""``make faults``: inject faults until it is a proof, and print what was lost, wrong or stale.

python -m faults [NAME...]    runs all proofs in full, or those that are named.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from faults.proofs import PROOFS, prove
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from faults.proof import Result

WIDTH = 150  # of a log, which scrolls
COLOURS = {"held": "green", "broken": "bold red", "void": "yellow"}


def main(names: list[str]) -> int:
    """Run proofs one after the other; 0 if all promises held."""
    logging.getLogger().addHandler(logging.NullHandler())  # the table tells of the faults
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    if unknown := [name for name in names if name not in PROOFS]:
        console.print(f"there is no {', '.join(unknown)}; there are {', '.join(PROOFS)}")
        return 2
    verdicts: Counter[str] = Counter()
    for name in names or PROOFS:
        begun = time.monotonic()
        results = list(prove(name, full=True))
        verdicts.update(result.verdict for result in results)
        console.print(f"\n[bold]{name}[/bold], {time.monotonic() - begun:.0f} s")
        console.print(_table(results), soft_wrap=True)
    console.print("\n" + ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in COLOURS))
    return 0 if verdicts.total() == verdicts["held"] else 1


def _table(results: list[Result]) -> Table:
    table = Table(box=None)
    for column in ("fault", "injected", "lost", "wrong", "stale", "verdict", "note"):
        table.add_column(column, no_wrap=True)
    for result in results:
        counts = (result.injected, result.lost, result.wrong, result.stale)
        colour = COLOURS[result.verdict]
        verdict = f"[{colour}]{result.verdict}[/{colour}]"
        table.add_row(result.what, *map(str, counts), verdict, result.void or result.note)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
