"""A write of the journal is killed at one system call after the other, the git children's included."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from faults import traced
from faults.scenario import Result, at_least
from faults.writer import begin, head
from faults.writers import KILLED, MEMORY, Slot, Spawner, audit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WHAT = "a write is killed at a system call"
POINTS = 500
JOURNAL = "journal"
SPARE = 40  # points more, for those that are not reached
FIRST = re.compile(
    r"p?write(64)?|fsync|rename\w*|(un)?link(at)?|mkdir(at)?|openat|close|v?fork|clone3?|flock|sendto"
)
BY_CHANCE = re.compile(r"clock_nanosleep|p?poll|futex|exit_group")
CALL = re.compile(r"^(\d+) +(\w+)\(", re.MULTILINE)
DEATH = re.compile(r"^(\d+) +\+\+\+ killed by SIGKILL", re.MULTILINE)

Point = tuple[str, int]  # a system call, and which one of its kind in a process


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the journal after one point."""

    hit: bool
    lost: int
    problems: tuple[str, ...]


def prove(*, full: bool) -> Iterator[Result]:
    """Count the system calls of one write, then write anew for each and kill who makes it."""
    if not traced.possible():
        yield Result(WHAT, 0, void=traced.NOT_POSSIBLE)
        return
    with TemporaryDirectory(dir=MEMORY) as name:
        begin(Path(name) / JOURNAL)
        points = _points(Path(name))
        wanted = POINTS if full else 6
        chosen = points[: POINTS + SPARE] if full else points[:: len(points) // (wanted + 2)]
        with ThreadPoolExecutor(2) as pool:
            parts = pool.map(_sweep, [Path(name)] * 2, (chosen[::2], chosen[1::2]))
            outcomes = [outcome for part in parts for outcome in part]
    hits = [outcome for outcome in outcomes if outcome.hit]
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    yield at_least(
        Result(
            WHAT,
            len(hits),
            lost=sum(outcome.lost for outcome in outcomes),
            wrong=len(problems),
            note="; ".join([f"{len({call for call, _ in chosen})} kinds of calls", *problems[:3]]),
        ),
        wanted,
    )


def _points(folder: Path) -> list[Point]:
    """Where one write can be killed, those first that leave something behind."""
    with Spawner() as spawner, _writer(folder, spawner) as slot:
        log = folder / "strace.log"
        with traced.traced(slot.pid, log, "-f"):
            slot.ask()
            assert "commit" in slot.hear()
    most: Counter[str] = Counter()
    for (_, call), count in Counter(CALL.findall(log.read_text())).items():
        most[call] = max(most[call], count)
    calls = sorted((call for call in most if not BY_CHANCE.fullmatch(call)), key=_rank)
    return [(call, number) for call in calls for number in range(1, most[call] + 1)]


def _rank(call: str) -> tuple[bool, str]:
    return (not FIRST.fullmatch(call), call)


def _sweep(folder: Path, points: Sequence[Point]) -> list[Outcome]:
    with Spawner() as spawner:
        return [_kill_at(point, folder, spawner) for point in points]


def _kill_at(point: Point, folder: Path, spawner: Spawner) -> Outcome:
    call, number = point
    with _writer(folder, spawner) as slot:
        log = slot.folder / ".strace.log"
        inject = f"inject={call}:signal=KILL:when={number}"
        with traced.traced(slot.pid, log, "-f", "-e", f"trace={call}", "-e", inject):
            slot.ask()
            slot.hear()
        hit = _was_hit(log.read_text(), number)
        slot.ask()
        if (answer := slot.hear()) == KILLED:
            slot.end()
            slot.start()
            slot.ask()
            answer = slot.hear()
        problems = [] if "commit" in answer else [f"the next write failed: {answer}"]
        lost, others = audit(slot.folder, [slot])
    return Outcome(hit, lost, tuple(f"{call} {number}: {problem}" for problem in [*problems, *others]))


def _was_hit(log: str, number: int) -> bool:
    """Whether somebody died of it; git that waits for questions is killed when it is not needed."""
    calls = Counter(pid for pid, _ in CALL.findall(log))
    return any(calls[pid] == number for pid in DEATH.findall(log))


@contextmanager
def _writer(folder: Path, spawner: Spawner) -> Iterator[Slot]:
    """A writer of a journal of its own, which holds one change."""
    with TemporaryDirectory(dir=folder) as name:
        copy = shutil.copytree(folder / JOURNAL, Path(name) / JOURNAL)
        entry = head(copy)
        slot = Slot(spawner, copy, acknowledged=[(entry.change.seq, entry.commit)])
        slot.start()
        yield slot
        slot.kill(git=True)
