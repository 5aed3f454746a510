"""Two runs of the bench beside each other: what became slower.

python -m bench compare OLD NEW                 results: folders such as `.bench`, or files of them
python -m bench compare CHECKOUT [SUBJECT...]   another checkout's code and this one's, measured in turns

The second way measures each by its own benches, as modules move, and both on the same machine in the same
minutes; where a bench has another floor now, it compares the values. It ends with status 1 if a work that is
measured beside a floor takes more than `TOLERATED` of what it took; the others are shown, but say as much of
the machine as of the code.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import results
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.results import Json, Subjects

TOLERATED = 1.05  # the same code, measured twice on a machine that others use, differs by as much
OTHER_FLOOR = 2.0  # times the floor; the same one does not differ by as much within minutes
WITHOUT, ANOTHER = "without a floor", "by value: another floor"
TURNS = int(os.environ.get("TURNS", "5"))  # of each checkout; fewer are enough on a quiet machine


class Pair(NamedTuple):
    """What one work took in two runs.

    Attributes:
        work: its subject and row.
        old: what it cost: times its floor, or its value where `note` says so; the inverse of a rate.
        new: the same of the other run.
        note: `WITHOUT` a floor, or `ANOTHER` one in each run.
    """

    work: str
    old: float
    new: float
    note: str = ""

    @property
    def quotient(self) -> float:
        """How many times as much the new one takes."""
        return self.new / self.old


def pairs(old: Subjects, new: Subjects, *, same_minutes: bool = False) -> Iterator[Pair]:
    """The works that both have measured, perhaps on one machine in the same minutes."""
    for subject, rows in new.items():
        for row in rows:
            before, after = (results.row(run, subject, row["work"], row["prompts"]) for run in (old, new))
            if before is None or after is None:  # a new work, or one that could not be measured
                continue
            of = "" if row["prompts"] is None else f", {row['prompts']:,} prompts"
            note = _note(before, after, same_minutes=same_minutes)
            costs = [_cost(each, "value" if note else "ratio") for each in (before, after)]
            yield Pair(f"{subject}: {row['work']}{of}", costs[0], costs[1], note)


def _note(before: Json, after: Json, *, same_minutes: bool) -> str:
    if None in {before["ratio"], after["ratio"]}:
        return WITHOUT
    least, most = sorted((before["floor"], after["floor"]))
    return ANOTHER if same_minutes and most > OTHER_FLOOR * least else ""


def _cost(row: Json, member: str) -> float:
    cost: float = row[member] or sys.float_info.min
    return 1 / cost if row["unit"].startswith("/s") else cost


def middle(turns: Sequence[Sequence[Pair]]) -> Iterator[Pair]:
    """Of several turns the one in the middle, work by work."""
    by_work: dict[str, list[Pair]] = {}
    for pair in (pair for turn in turns for pair in turn):
        by_work.setdefault(pair.work, []).append(pair)
    for found in by_work.values():
        yield statistics.median_low([(pair.quotient, pair) for pair in found])[1]


def is_slower(pair: Pair) -> bool:
    """Whether a work takes more than may be put down to the machine."""
    return pair.note != WITHOUT and pair.quotient > TOLERATED


def compare(arguments: Sequence[str]) -> tuple[Table, int]:
    """Compare what the command line names: a table, and the status to end with."""
    first, *others = arguments
    if (Path(first) / "tests").is_dir():
        turns = [_measured(Path(first), others) for _ in range(TURNS)]
    else:
        turns = [tuple(pairs(results.load(Path(first)), results.load(Path(others[0]))))]
    found = sorted(middle(turns), key=lambda pair: (pair.note == WITHOUT, -pair.quotient))
    return _table(found), int(not found or any(map(is_slower, found)))


def _measured(checkout: Path, subjects: Sequence[str]) -> tuple[Pair, ...]:
    """One turn of both, each from its own `tests`."""
    with tempfile.TemporaryDirectory() as folder:
        runs = {"old": checkout.resolve(), "new": results.ROOT}
        for name, root in runs.items():
            environment = os.environ | {
                "PYTHONPATH": os.pathsep.join((str(root), str(root / "client"))),
                "BENCH_RESULTS": str(Path(folder, name)),
            }
            command = [sys.executable, "-m", "bench", *subjects]
            cwd = root / "tests"
            subprocess.run(command, env=environment, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
        found = [(Path(folder, name), root / ".bench") for name, root in runs.items()]  # the latter of 0.1.0
        old, new = (results.load(new if new.exists() else old) for new, old in found)
        return tuple(pairs(old, new, same_minutes=True))


def _table(found: Sequence[Pair]) -> Table:
    table = Table("work", "old", "new", "new / old", "", box=None)
    for pair in found:
        said = ", ".join(filter(None, ("SLOWER" if is_slower(pair) else "", pair.note)))
        table.add_row(pair.work, f"{pair.old:.3g}", f"{pair.new:.3g}", f"{pair.quotient:.2f}", said)
    return table
