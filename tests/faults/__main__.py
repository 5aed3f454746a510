"""``make faults``: inject faults until it is a proof, and print what was lost, wrong or stale.

python -m faults [NAME...]    runs all proofs in full, or those that are named.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import as_completed
from typing import TYPE_CHECKING

from faults.pool import pool
from faults.scenarios import PROOFS, timed
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from faults.scenario import Result

WIDTH = 200  # of a log, which scrolls
COLOURS = {"held": "green", "broken": "bold red", "void": "yellow"}


def main(names: list[str]) -> int:
    """Run proofs, as many at once as there are cores; 0 if all promises held."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    if unknown := [name for name in names if name not in PROOFS]:
        console.print(f"there is no {', '.join(unknown)}; there are {', '.join(PROOFS)}")
        return 2
    begun = time.monotonic()
    verdicts: Counter[str] = Counter()
    # Much of a proof is waiting; and what is proven must hold beside other work.
    with pool(os.cpu_count()) as workers:
        running = {workers.submit(timed, name): name for name in names or PROOFS}
        for done in as_completed(running):
            try:
                results, seconds = done.result()
            except Exception:  # noqa: BLE001 - whatever it is, the others are worth their minutes
                verdicts["broken"] += 1
                console.print(f"\n[bold]{running[done]}[/bold] failed\n")
                console.print(traceback.format_exc(), markup=False, highlight=False)
                continue
            verdicts.update(result.verdict for result in results)
            console.print(f"\n[bold]{running[done]}[/bold], {seconds:.0f} s")
            console.print(_table(results), soft_wrap=True)
    minutes = (time.monotonic() - begun) / 60
    said = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in COLOURS)
    console.print(f"\n{said}, in {minutes:.1f} minutes")
    return 0 if verdicts.total() == verdicts["held"] else 1


def _table(results: list[Result]) -> Table:
    table = Table(box=None)
    for column in ("fault", "injected", "lost", "wrong", "stale", "verdict", "note"):
        table.add_column(column, no_wrap=column != "note")  # a long note must not cut off the verdict
    for result in results:
        counts = (result.injected, result.lost, result.wrong, result.stale)
        colour = COLOURS[result.verdict]
        verdict = f"[{colour}]{result.verdict}[/{colour}]"
        table.add_row(result.what, *map(str, counts), verdict, result.void or result.note)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
