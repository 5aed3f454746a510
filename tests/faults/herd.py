"""A thousand clients whose registry dies: they come back spread, keep nobody waiting, and are fresh soon."""

from __future__ import annotations

import math
import time
from collections import Counter
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING

import urllib3
from faults.busy import busy
from faults.caller import GETS_A_SECOND, NAME
from faults.crowd import Service
from faults.flock import Herd
from faults.pace import SLACK
from faults.scenario import Result, at_least
from support import Api

from promptstage import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOCKS = {True: 4, False: 1}  # processes, in full and in short
SIZE = {True: 250, False: 50}  # clients of each
PACE = {True: 1.0, False: 0.1}
HOLD = {True: 4.0, False: 0.5}  # seconds that the registry is away
RETRY_AFTER = {True: 3, False: 1}  # seconds; the header knows no less than one
GATHER = 60.0  # seconds in which all have a stream at first
BREATH = 0.01
ANSWERED = {True: 1.0, False: 5.0}  # seconds in which 99 of 100 others are answered, also while all come back


class Bystander:
    """Asks the registry whether it lives, and for a release, all the time.

    Attributes:
        waits: seconds that each answer took; infinity if there was none.
    """

    def __init__(self, service: Service) -> None:
        self.waits: list[float] = []
        self._over = Event()
        self._thread = Thread(target=self._run, args=(Api(service.registry.url, service.token),))
        self._thread.start()

    def stop(self) -> None:
        """Make an end."""
        self._over.set()
        self._thread.join()

    def _run(self, api: Api) -> None:
        with closing(api):
            while not self._over.wait(BREATH):
                for path in ("/livez", f"/v1/environments/production/releases/{NAME}"):
                    begun = time.monotonic()
                    status = 0
                    with suppress(urllib3.exceptions.HTTPError):
                        status = api.get(path).status
                    self.waits.append(time.monotonic() - begun if status == 200 else math.inf)


def prove(*, full: bool) -> Iterator[Result]:
    """Let them come, kill their registry, and let them come back: by themselves, and when told."""
    with TemporaryDirectory() as name, closing(Service(Path(name))) as service:
        begun = time.monotonic()
        with closing(Herd(service, FLOCKS[full], SIZE[full], PACE[full])) as herd:
            there = sum(herd.ask("connected", GATHER))
            note = f"all have a stream after {time.monotonic() - begun:.1f} s"
            yield Result("clients come all at once", herd.size, stale=herd.size - there, note=note)
            if full:
                yield _strike(herd, service, Absence("registry killed"), full=full)
            yield _strike(herd, service, Absence("503, Retry-After", RETRY_AFTER[full]), full=full)


@dataclass(frozen=True, slots=True)
class Absence:
    """A registry is killed; `retry_after`: the seconds that another server in its place asks for, if any."""

    what: str
    retry_after: int = 0


def _strike(herd: Herd, service: Service, absence: Absence, *, full: bool) -> Result:
    pace, retry_after = PACE[full], absence.retry_after
    before = _Reports(herd)
    service.registry.kill()
    with busy(service.port, retry_after) if retry_after else nullcontext():
        shut = time.monotonic()
        time.sleep(HOLD[full] + retry_after)
        told = shut, time.monotonic() - SLACK  # who came so early had to come again meanwhile
    service.start()
    back = time.monotonic()
    bystander = Bystander(service)
    position = service.promote()
    back_off = (limits.BACK_OFF_CAP + limits.ATTEMPT_SPACING) * pace
    reached = sorted(chain.from_iterable(herd.ask("reach", position, retry_after + back_off + SLACK)))
    bystander.stop()
    after = _Reports(herd)
    attempts = [[at for at in times if at >= before.at] for times in after.attempts]
    hasty = _crowded(attempts, limits.ATTEMPT_SPACING * pace) + _early(attempts, retry_after, *told)
    waits = sorted(bystander.waits)
    rate = (after.gets - before.gets) / (after.at - before.at)
    result = Result(
        absence.what,
        sum(map(bool, attempts)),
        wrong=hasty + after.bad - before.bad,
        stale=reached.count(math.inf) + (_part(waits, 0.99) > ANSWERED[full]),
        note=f"fresh after {_part(reached, 0.5) - back:.1f} s (half), {reached[-1] - back:.1f} s (all); "
        f"attempts a second {_histogram(attempts, before.at)}, "
        f"others wait {_part(waits, 0.99) * 1000:.0f} ms (p99), {waits[-1] * 1000:.0f} ms at most",
        void="" if rate >= GETS_A_SECOND else f"{rate:.0f} gets a second only",
    )
    return at_least(result, herd.size)


class _Reports:
    """What all flocks say at a time."""

    def __init__(self, herd: Herd) -> None:
        self.at = time.monotonic()
        reports = herd.ask("report")
        self.attempts: list[list[float]] = [times for all_times, _, _ in reports for times in all_times]
        self.gets = sum(gets for _, gets, _ in reports)
        self.bad = sum(bad for _, _, bad in reports)


def _crowded(attempts: list[list[float]], spacing: float) -> int:
    """How often a client attempted three connections in the time of two; one may be late, and noted so."""
    return sum(
        third - first < spacing for times in attempts for first, third in zip(times, times[2:], strict=False)
    )


def _early(attempts: list[list[float]], pause: float, begin: float, end: float) -> int:
    """How many attempts came too soon after one that was refused between two times."""
    return sum(
        later - earlier < pause
        for times in attempts
        for earlier, later in pairwise(times)
        if begin <= earlier <= end
    )


def _histogram(attempts: list[list[float]], begin: float) -> str:
    """How many attempts were made in each second."""
    counts = Counter(int(at - begin) for times in attempts for at in times)
    return " ".join(str(counts[second]) for second in range(max(counts, default=0) + 1))


def _part(values: list[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)]
