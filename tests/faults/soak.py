"""``make soak``: the stories of the state machine, on all cores, until so many steps were taken.

python -m faults.soak [STEPS]     100,000 steps take an hour or so on two cores
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, wait
from itertools import count
from typing import TYPE_CHECKING

from faults.pool import pool
from faults.state_machine import SEED, chapter
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from concurrent.futures import Future

    from faults.state_machine import Chapter

STEPS = 100_000
WORKERS = 2 * (os.cpu_count() or 1)  # half of a story is waiting


def main(steps: int) -> int:
    """Tell chapters until there are steps enough, and say how each ended; 0 if all promises held."""
    console = Console(soft_wrap=True)
    begun, taken = time.monotonic(), 0
    verdicts: Counter[str] = Counter()
    befell: Counter[str] = Counter()
    with pool(WORKERS) as workers:
        numbers = count(SEED)
        running: set[Future[Chapter]] = {workers.submit(chapter, next(numbers)) for _ in range(WORKERS)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for told in (future.result() for future in done):
                taken += told.result.injected
                verdicts[told.result.verdict] += 1
                befell += told.counts
                minutes = (time.monotonic() - begun) / 60
                said = f"{told.result.what} {told.result.verdict}, {told.result.void or told.result.note}"
                console.print(f"{taken:,} steps, {minutes:.1f} minutes: {said}")
                if taken < steps:
                    running.add(workers.submit(chapter, next(numbers)))
    console.print(_table(befell))
    console.print(
        f"{taken:,} steps: " + ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    )
    return 0 if verdicts.total() == verdicts["held"] else 1


def _table(befell: Counter[str]) -> Table:
    table = Table("what was done, or befell", "times", box=None)
    for event, times in sorted(befell.items()):
        table.add_row(event, f"{times:,}")
    return table


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else STEPS))
