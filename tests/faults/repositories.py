"""Repositories made to do harm: each is read or refused with a reason, soon, and within bounds of memory."""

from __future__ import annotations

import logging
import multiprocessing
import re
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faults.hostile_repositories import CRAFTED
from faults.scenario import Result

from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from faults.hostile_repositories import Case

SLOW_SECONDS = 5.0
AGAIN = 2  # looks at what was slow: the machine may have had something else to do
MEMORY = 256 << 20  # bytes of the largest process that one repository costs
SHORT, SHORT_SIZE = (
    slice(1, None, 4),
    0.01,
)  # the short proof has one repository in four; great ones are small
KINDS = {
    "valid": "a repository with something beside what is read",
    "invalid": "a repository with a version that cannot be served",
    "absent": "a repository with a version that git refuses, or without any",
    "refused": "a repository that cannot be read",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a registry made of a repository.

    Attributes:
        good: the status of the version that is as it should be.
        bad: the status of the crafted one, ``absent``, or ``refused`` where nothing can be read.
        reason: what it says of that.
        seconds: of the look, and of reading both.
        memory: bytes of the largest process, ours or git's.
        crash: an error that is none of ours.
        obeyed: whether something of the repository was run.
    """

    good: str = "absent"
    bad: str = "absent"
    reason: str = ""
    seconds: float = 0.0
    memory: int = 0
    crash: str = ""
    obeyed: bool = False


def prove(*, full: bool) -> Iterator[Result]:
    """Make each repository, and let a process of its own look at it."""
    cases = CRAFTED if full else CRAFTED[SHORT]
    seen = dict(zip((case.what for case in cases), looks(cases, 1.0 if full else SHORT_SIZE), strict=True))
    for kind, what in KINDS.items():
        those = [case for case in cases if case.bad == kind]
        broken = [f"{case.what}: {fault}" for case in those for fault in _faults(case, seen[case.what])]
        seconds = [seen[case.what].seconds for case in those]
        memory = max((seen[case.what].memory for case in those), default=0)
        yield Result(
            what,
            len(those),
            wrong=len(broken),
            stale=sum(took > SLOW_SECONDS for took in seconds),
            note="; ".join((f"slowest {max(seconds, default=0):.1f} s, most {memory >> 20} MB", *broken)),
        )


def looks(cases: Sequence[Case], size: float) -> Iterator[Seen]:
    """What a process of its own makes of each repository, its greater parts of this size."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["faults.repositories"])
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for case in cases:
            seen = _look(pool, case, size)
            for _ in range(AGAIN):
                if seen.seconds > SLOW_SECONDS:
                    seen = _look(pool, case, size)
            yield seen


def _look(pool: ProcessPoolExecutor, case: Case, size: float) -> Seen:
    with tempfile.TemporaryDirectory() as folder:
        address = case.make(Path(folder), size)
        return pool.submit(_see, folder, address).result()


def _faults(case: Case, seen: Seen) -> Iterator[str]:
    """Compare with what must be; the version beside it is unharmed, unless nothing at all can be read."""
    good = "absent" if case.bad == "refused" or case.alone else "valid"
    if seen.good != good:
        yield f"the good version is {seen.good}"
    if seen.bad != case.bad or not re.search(case.reason, seen.reason):
        yield f"it is {seen.bad}, not {case.bad}: {seen.reason!r}"
    if seen.memory > MEMORY:
        yield f"{seen.memory >> 20} MB"
    if seen.obeyed:
        yield "something of it was run"
    if seen.crash:
        yield seen.crash


def _see(folder: str, address: str) -> Seen:
    """Look and read, in a process that did nothing before."""
    logging.disable()
    begun = time.monotonic()
    mirror = Mirror(Path(folder) / "data", address)
    catalog = Catalog(mirror)
    good = bad = "absent"
    reason = crash = ""
    try:
        try:
            mirror.sync()
        except RegistryError as error:
            bad, reason = "refused", error.message
        catalog.adopt()
        reason = reason or mirror.report()["error"] or ""
        if "good" in catalog.names():
            good = catalog.read("good", "1.0.0").status
        if "bad" in catalog.names():
            found = catalog.read("bad", "1.0.0")
            bad, reason = found.status, (found.problem or {"message": ""})["message"]
    except RegistryError as error:
        bad, reason = "unreadable", error.message
    except Exception as error:  # noqa: BLE001 - what this looks for
        crash = repr(error)
    mirror.close()
    seconds = time.monotonic() - begun
    usages = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    return Seen(good, bad, reason, seconds, max(usages) << 10, crash, (Path(folder) / "ran").exists())
