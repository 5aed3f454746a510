"""The catalog of a great repository: how long until it is served, followed and validated.

The author's repository is made anew in each run. Its floors are what git itself takes to list the tags, there
and in a repository with the same pins as refs. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import many
from bench.load import memory
from bench.measure import Row, median

from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.sync import SETTLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROMPTS = 5_000
VERSIONS = 20  # of each
TURNS = 5  # of what can be done again
IN_USE = 1_000  # versions that are read in full
SAMPLE = 5_000  # versions that are validated, whose time is scaled to all of them
MIB = 1 << 20
TARGETS = {
    "named": "<= 1 s",
    "newest": "<= 2 s",
    "restarted": "<= 1 s",
    "followed": "<= 0.6 s",
    "validated": "<= 60 s",
    "memory": "<= 250 MiB",
}

Samples = dict[str, list[float]]


def measure() -> Iterator[Row]:
    """Let a mirror live with it for a while."""
    with tempfile.TemporaryDirectory() as folder:
        author = Path(folder) / "author.git"
        many.author(author, PROMPTS, VERSIONS)
        yield from _rows(*_lived(Path(folder), author))


def _rows(samples: Samples, notes: dict[str, str]) -> Iterator[Row]:
    works = {
        "named": ("first look -> names and versions served", "ls-remote"),
        "newest": ("first look -> newest version of each readable", "ls-remote"),
        "fetched": ("first look -> over", "ls-remote"),
        "restarted": ("restart -> names and versions served", "for-each-ref"),
        "idle": ("a look that finds nothing", "ls-remote"),
        "followed": ("a look that finds one tag -> served", "ls-remote"),
        "validated": ("all validated", ""),
        "memory": (f"memory, all {PROMPTS * VERSIONS:,} versions known", ""),
    }
    for key, (work, floor) in works.items():
        value, spread = median(samples[key])
        unit = "MiB" if key == "memory" else "s"
        beside = median(samples[floor])[0] if floor else None
        note = notes.get(key, floor and f"floor: git {floor}")
        yield Row(work, value, unit, spread, beside, TARGETS.get(key, ""), note)


def _lived(folder: Path, author: Path) -> tuple[Samples, dict[str, str]]:
    """The life of one mirror: the first look, restarts, and new tags, in turns with the floors."""
    samples: Samples = {"ls-remote": [], "for-each-ref": [], "restarted": [], "idle": [], "followed": []}
    seen = _first_look(folder / "data", author)
    samples |= {key: [seconds] for key, seconds in seen.items()}
    mirror = Mirror(folder / "data", str(author))
    catalog = Catalog(mirror)
    catalog.adopt()
    mirror.sync()
    for number in range(TURNS):
        samples["ls-remote"].append(_timed(lambda: many.git(author, "ls-remote", "--tags", "--refs", ".")))
        samples["for-each-ref"].append(_timed(lambda: many.git(author, "for-each-ref", "refs/tags")))
        samples["idle"].append(_timed(mirror.sync))
        many.tag(author, f"2.{number}.0")
        samples["followed"].append(_followed(mirror, catalog)[0])
        assert catalog.latest(many.FIRST) == f"2.{number}.0"
        samples["restarted"].append(_timed(lambda: Catalog(Mirror(folder / "data", str(author))).adopt()))
    mirror.close()
    command = [sys.executable, "-m", "bench.catalog", str(folder / "data"), str(author)]
    validated = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    samples["validated"], samples["memory"] = [validated["seconds"]], [validated["MiB"]]
    return samples, {
        "validated": f"from {validated['read']}; {validated['cpu']:.0f} s of processor besides git's",
        "memory": f"{validated['in use']} in use; {validated['imported']:.0f} MiB with the modules alone",
    }


def _first_look(data: Path, author: Path) -> dict[str, float]:
    mirror = Mirror(data, str(author))
    catalog = Catalog(mirror)
    times = _followed(mirror, catalog)
    mirror.close()
    return {"named": times[0], "newest": times[min(1, len(times) - 2)], "fetched": times[-1]}


def _followed(mirror: Mirror, catalog: Catalog) -> list[float]:
    """Look; the seconds until a catalog had each news of that, and until it was over."""
    begun = time.perf_counter()
    times: list[float] = []

    def follow() -> None:
        catalog.adopt()
        times.append(time.perf_counter() - begun)

    mirror.sync(follow)
    return [*times, time.perf_counter() - begun]


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _validate(data: Path, repository: str) -> dict[str, Any]:
    """Validate a sample, and know of the rest what lists show; in a process of its own."""
    import registry.app  # noqa: F401, PLC0415 - what a registry has in memory anyway

    imported = memory(os.getpid())
    catalog = Catalog(Mirror(data, repository))
    catalog.adopt()
    unread = catalog.unread()
    step = max(1, len(unread) // SAMPLE)
    begun, cpu = time.perf_counter(), time.process_time()
    sample = unread[::step]
    for start in range(0, len(sample), SETTLED):
        catalog.settle(sample[start : start + SETTLED])
    scale = len(unread) / len(sample)
    seconds, cpu = (time.perf_counter() - begun) * scale, (time.process_time() - cpu) * scale
    for name in catalog.names():
        catalog.list(name)
    in_use = unread[: IN_USE * VERSIONS : VERSIONS]
    for key in in_use:
        catalog.read(*key)
    return {
        "seconds": seconds, "cpu": cpu, "read": len(sample), "in use": len(in_use),
        "imported": imported / MIB, "MiB": memory(os.getpid()) / MIB,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(_validate(Path(sys.argv[1]), sys.argv[2])))
