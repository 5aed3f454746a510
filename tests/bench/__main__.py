"""``make bench``: measure what this exists for, beside a floor in the same run, and print a table.

python -m bench [SUBJECT...]    measures all subjects but the long ones, or those that are named
PEERS=1 python -m bench         measures a long one too
python -m bench figures         writes the tables of the documentation from the last run
python -m bench compare ...     says what became slower: see `bench.compare`

What was measured is also written as JSON, to ``.bench/<subject>.json`` beside the tests; how it grows, where
that is measured, is drawn in ``.bench/<subject>.svg``.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING

from bench import compare, figures, plot, results
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measure import Row

WIDTH = 200  # of a log, which scrolls
SUBJECTS: tuple[str, ...] = (
    *("client", "middleware", "latency"),
    *("catalog", "check", "evaluate"),
    *("http", "protocols", "bulk", "neighbours", "streams", "promote", "start", "growth"),
    *("remote", "peers", "scale", "outcomes", "evidence", "console"),
)
"""Modules with ``measure() -> Iterable[Row]``."""
LONG = {
    "peers": "installs them beside us, the first time, and measures them",
    "scale": "takes some minutes and gigabytes",
    "outcomes": "makes up ten million calls (CALLS=... of them), in some minutes and gigabytes",
    "console": "opens pages beside a thousand prompts and ten million calls (CALLS=... of them)",
    "evidence": "judges a thousand rollouts at once, and one with a million units, in five minutes",
}
"""Subjects that are only measured if they are named, or with their name as a variable: ``PEERS=1``."""


def main(names: list[str]) -> int:
    """Measure one subject after the other, or do what else is asked for."""
    logging.getLogger().addHandler(logging.NullHandler())
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    if names == ["figures"]:
        figures.write()
        return 0
    if names[:1] == ["compare"]:
        table, status = compare.compare(names[1:])
        console.print(table)
        return status
    if unknown := [name for name in names if name not in SUBJECTS]:
        console.print(f"there is no {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
        return 2
    for name in names or SUBJECTS:
        if name in LONG and not names and os.environ.get(name.upper()) != "1":
            console.print(f"\n[bold]{name}[/bold], not measured: {name.upper()}=1 {LONG[name]}")
            continue
        begun = time.monotonic()
        rows = list(import_module(f"bench.{name}").measure())
        console.print(f"\n[bold]{name}[/bold], {time.monotonic() - begun:.0f} s")
        console.print(_table(rows), soft_wrap=True)
        results.save(name, rows)
        if plot.curves(rows):
            console.print(plot.bars(rows), soft_wrap=True)
            (results.FOLDER / f"{name}.svg").write_text(plot.svg(rows))
    return 0


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None)
    for column in ("work", "median", "", "spread", "floor", "ratio", "target", "note"):
        table.add_column(column, no_wrap=True, justify="right" if column in {"median", "ratio"} else "left")
    for row in rows:
        value = "-" if math.isnan(row.value) else f"{row.value:.3g}"
        floor = "" if row.floor is None else f"{row.floor:.3g}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        spread = f"{row.spread:.0%}" if row.spread else ""
        work = row.work if row.prompts is None else f"{row.work}, {row.prompts:,} prompts"
        table.add_row(work, value, row.unit, spread, floor, ratio, row.target, row.note)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
