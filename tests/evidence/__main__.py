"""``make evidence``: simulate 2,000 rollouts of each family, and print and draw how they went.

python -m evidence [ROLLOUTS]    the exit code is 1 where a promise is broken
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from evidence import curve
from evidence.families import (
    ALPHA,
    NO_WORSE,
    TIMED,
    WORSE,
    Simulated,
    bounded,
    failures,
    most,
    simulate,
    weak,
)
from rich.console import Console
from rich.table import Table

from registry.evidence.verdicts import SRM_ALPHA

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from evidence.timed import Timed

    from registry.evidence.simulation import Trial

ROLLOUTS = 2000
CALLS = 400.0  # an hour: some 2,000 to 4,000 measured calls a rollout
TIMED_CALLS = 1000  # measured, where calls take their time
DOUBLED = 2.0
PLOT = Path(__file__).parents[2] / "docs/evidence.svg"


def main(rollouts: int) -> int:
    """Simulate all, and say what broke."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    with ProcessPoolExecutor() as pool:
        broken = [*_no_worse(console, rollouts, pool), *_worse(console, rollouts, pool)]
    for what in broken:
        console.print(f"broken: {what}", style="bold red")
    return 1 if broken else 0


def _no_worse(console: Console, rollouts: int, pool: Executor) -> list[str]:
    promised = f"at most {most(ALPHA, rollouts):.1%}", f"at most {most(SRM_ALPHA, rollouts):.2%}"
    table = Table(
        "no worse", f"taken back ({promised[0]})", f"SRM ({promised[1]})", "calls", "took", box=None
    )
    broken: list[str] = []
    kinds: dict[str, Trial | Timed] = {name: made(CALLS) for name, made in NO_WORSE.items()}
    kinds |= {name: made(TIMED_CALLS) for name, made in TIMED.items()}
    for name, trial in kinds.items():
        began = time.perf_counter()
        found = simulate(trial, rollouts, pool)
        looks = sum(one.looks for one in found.runs) / rollouts
        took = f"{time.perf_counter() - began:.0f} s"
        table.add_row(name, f"{found.harm:.2%}", f"{found.mismatched:.2%}", f"{looks:,.0f}", took)
        broken += failures(name, found)
    console.print(f"{rollouts:,} rollouts each, looked at after every measured call", table, sep="\n\n")
    return broken


def _worse(console: Console, rollouts: int, pool: Executor) -> list[str]:
    table = Table("errors", "taken back", "within 400 bad events", "median", "9 of 10", box=None)
    drawn: dict[str, Simulated] = {}
    broken: list[str] = []
    for ratio, made in WORSE.items():
        found = simulate(bounded(made(CALLS)), rollouts, pool)
        name = f"{ratio:g} times as many errors"
        drawn[name] = found
        events = (str(found.events(0.5)), str(found.events(0.9)))
        table.add_row(name, f"{found.harm:.1%}", f"{found.within(400):.1%}", *events)
        broken += weak(found) if ratio == DOUBLED else ()
    even = simulate(NO_WORSE["1:1"](CALLS), rollouts, pool)
    PLOT.write_text(curve.svg({**drawn, "no worse": even}))
    console.print("", table, sep="\n")
    return broken


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ROLLOUTS))
