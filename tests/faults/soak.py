"""``make soak``: the stories of the state machine, on all cores, until so many steps were taken.

python -m faults.soak [STEPS]     100,000 steps take an hour or so on two cores
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import as_completed

from faults.pool import pool
from faults.state_machine import chapter, chapters
from rich.console import Console

STEPS = 100_000
WORKERS = 2 * (os.cpu_count() or 1)  # half of a story is waiting


def main(steps: int) -> int:
    """Tell all chapters, and say how each ended; 0 if all promises held."""
    console = Console(soft_wrap=True)
    begun, taken, verdicts = time.monotonic(), 0, dict.fromkeys(("held", "broken", "void"), 0)
    with pool(WORKERS) as workers:
        for done in as_completed([workers.submit(chapter, *one) for one in chapters(steps)]):
            result = done.result()
            taken += result.injected
            verdicts[result.verdict] += 1
            minutes = (time.monotonic() - begun) / 60
            console.print(f"{taken:,} steps, {minutes:.1f} min: {result.what} {result.verdict}")
            console.print(f"    {result.void or result.note}", style="dim")
    console.print(", ".join(f"{number} {verdict}" for verdict, number in verdicts.items()))
    return 0 if verdicts["held"] and not verdicts["broken"] and not verdicts["void"] else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else STEPS))
