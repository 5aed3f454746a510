"""How long an acknowledged change takes, beside what the disk must do for one.

The floor writes as many files as a change has objects, among the folders that a repository has for them, and
syncs them and their folders, as a commit of the journal has to. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from bench.http import repository
from bench.load import processor_seconds
from bench.measure import Row, median, quotient
from support import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGES = 150
BYTES = 500  # of an object
FOLDERS = 256  # of a repository's objects


def measure() -> Iterator[Row]:
    """Make changes and write the files of one, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        registry = Registry(repository(folder / "prompts").path, folder / "data", poll_seconds="3600")
        try:
            yield from _promotes(registry, folder)
        finally:
            registry.stop()


def _promotes(registry: Registry, folder: Path) -> Iterator[Row]:
    took: list[float] = []
    synced: list[float] = []
    for version in ("1.0.0", "1.1.0"):  # what is staged for the first time has more objects
        registry.api.act("promote", "summarize", {"version": version})
    floor = _folders(folder / "floor")
    before, used = _objects(registry), processor_seconds(registry.process.pid)
    for number, version in enumerate(islice(cycle(("1.0.0", "1.1.0")), CHANGES)):
        begun = time.perf_counter()
        made = registry.api.act("promote", "summarize", {"version": version})
        took.append((time.perf_counter() - begun) * 1000)
        assert made.status == 200, made.text
        objects = (_objects(registry) - before) // (number + 1)
        begun = time.perf_counter()
        _write(floor, objects)
        synced.append((time.perf_counter() - begun) * 1000)
    processor = (processor_seconds(registry.process.pid) - used) / CHANGES * 1000
    middle, spread = median(took)
    tail, least = (statistics.quantiles(times, n=100)[98] for times in (took, synced))
    note = f"p99 {tail:.0f} ms, of the floor {least:.0f} ms; {processor:.1f} ms of a processor, without git's"
    beside = quotient(took, synced)
    yield Row(
        "promote acknowledged", middle, "ms", spread, median(synced)[0], "p99 <= 50 ms", note, quotient=beside
    )


def _objects(registry: Registry) -> int:
    """How many objects the journal has."""
    command = ["git", "-C", str(registry.data / "journal.git"), "count-objects"]
    return int(subprocess.check_output(command).split()[0])


def _folders(repository: Path) -> list[Path]:
    """As a repository has them that has been in use for a while, and one for the branch."""
    folders = [repository / f"{number:02x}" for number in range(FOLDERS + 1)]
    for folder in folders:
        folder.mkdir(parents=True)
    _sync(repository)
    return folders


def _write(folders: list[Path], objects: int) -> None:
    """Put files on the disk to stay, as loose objects and a branch are."""
    *shards, heads = folders
    for folder in (*random.sample(shards, objects), heads):
        with (folder / "new").open("wb") as file:
            file.write(os.urandom(BYTES))
            file.flush()
            os.fsync(file.fileno())
        (folder / "new").rename(folder / ("main" if folder is heads else token_hex(19)))
        _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)
