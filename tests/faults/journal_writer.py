"""Two writers of one journal, killed at any moment: what was acknowledged is there, once and in order."""

from __future__ import annotations

import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from faults.scenario import Result, at_least
from faults.writer import begin, head
from faults.writers import FOR_EVER, KILLED, MEMORY, Slot, Spawner, audit

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261123
WRITE_SECONDS = 0.04  # about what a change takes: so kills hit every part of one
AT_ONCE_SECONDS = 4.0  # less than a writer waits for the lock: nobody waited for a dead one


def prove(*, full: bool) -> Iterator[Result]:
    """Kill one of the two at random, in half of the cases with its git; then its successor must write."""
    kills = 1000 if full else 15
    with TemporaryDirectory(dir=MEMORY) as name, Spawner() as spawner:
        folder = Path(name)
        begin(folder)
        entry = head(folder)
        slots = [Slot(spawner, folder, 0, [(entry.change.seq, entry.commit)]), Slot(spawner, folder, 1)]
        yield at_least(_kill(folder, slots, kills), kills)


def _kill(folder: Path, slots: list[Slot], kills: int) -> Result:
    chance = random.Random(SEED)
    waits = [_replace(slot) for slot in slots]
    with_git = 0
    for _ in range(kills):
        time.sleep(chance.uniform(0, WRITE_SECONDS))  # the moment of the kill
        slot, git = chance.choice(slots), chance.random() < 0.5
        slot.kill(git=git)
        with_git += git
        waits.append(_replace(slot))
    for slot in slots:
        slot.kill(git=True)
    lost, problems = audit(folder, slots)
    return Result(
        "a journal's writer is killed, one of two",
        kills,
        lost=lost,
        wrong=len(problems),
        stale=sum(wait > AT_ONCE_SECONDS for wait in waits),
        note="; ".join(
            (
                f"{with_git} with its git",
                f"{sum(len(slot.acknowledged) for slot in slots)} changes",
                f"the next write took {max(waits):.1f} s at most",
                *problems[:3],
            )
        ),
    )


def _replace(slot: Slot) -> float:
    """Start the next writer: the seconds until it has written."""
    slot.start()
    begun = time.monotonic()
    slot.ask(FOR_EVER)
    while "commit" not in (answer := slot.hear()):
        if answer == KILLED:
            return float("inf")
    return time.monotonic() - begun
