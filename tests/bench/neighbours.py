"""What others wait for while forty of one caller's dearest requests are at work; the floor is without them.

Nothing here fails on a slow machine.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Row
from faults import neighbours
from faults.crowding import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.neighbours import Waits

ROUNDS, RELEASES = 10, 10  # each of so many reads, a look at health and a change
TARGET = "<= 50 ms"


def measure() -> Iterator[Row]:
    """Ask in one way after the other, and stop the registry while the last one is at work."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        neighbours.author(folder, neighbours.PROMPTS)
        with neighbours.world(folder) as world:
            alone = world.live(ROUNDS, RELEASES)
            yield _row("GET release, p99", alone, alone)
            for kind in KINDS:
                with neighbours.crowd(world, kind):
                    yield _row(f"beside 40: {kind}", world.live(ROUNDS, RELEASES), alone)
            with neighbours.crowd(world, kind):
                begun = time.perf_counter()
                world.registry.stop()
                yield Row("stop, beside the last", time.perf_counter() - begun, "s", target="<= 3 s")


def _row(work: str, waits: Waits, alone: Waits) -> Row:
    release, livez, promote = (seconds * 1000 for seconds in waits.worst)
    note = f"at most: /livez {livez:.0f} ms (<= 100), promote {promote:.0f} ms (<= 500)"
    return Row(work, release, "ms", floor=alone.worst[0] * 1000, target=TARGET, note=note)
