"""One caller does not stop the others: forty of its dearest requests are at work, and they notice nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from bench import many
from faults.crowding import EVERYTHING, KINDS
from faults.scenario import Result, at_least
from support import Api, Registry, until

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_WORK = 40  # requests of the one caller
PROMPTS, FEW = 5_000, 40
ROUNDS, FEW_ROUNDS = 30, 3
RELEASES = 5  # that are read in each round, beside one look at health and one change
RELEASE_SECONDS = 0.05  # the 99th percentile, of others' reads
LIVEZ_SECONDS = 0.1
PROMOTE_SECONDS = 0.5
CALM = 1 / 3  # of what each may take: what it takes alone, where the machine is not busy with others
STOP_SECONDS = 3.0  # until the process is gone
MEMORY_BYTES = 150 << 20  # that the process grows by: forty bodies of 1 MiB are here at once
READY_SECONDS = 120.0
BIG_BYTES = 250_000
NEIGHBOUR = "area-1/prompt-1"


@dataclass
class Waits:
    """What others waited for, in seconds."""

    releases: list[float] = field(default_factory=list)
    livez: list[float] = field(default_factory=list)
    promotes: list[float] = field(default_factory=list)

    @property
    def shares(self) -> tuple[float, ...]:
        """How much each took of what it may."""
        limits = (RELEASE_SECONDS, LIVEZ_SECONDS, PROMOTE_SECONDS)
        return tuple(waited / limit for waited, limit in zip(self.worst, limits, strict=True))

    @property
    def worst(self) -> tuple[float, ...]:
        """The 99th percentile of each; of few, the longest."""
        return tuple(sorted(w)[len(w) * 99 // 100] for w in (self.releases, self.livez, self.promotes))

    def __str__(self) -> str:
        release, livez, promote = (seconds * 1000 for seconds in self.worst)
        return f"release {release:.0f}, /livez {livez:.0f}, promote {promote:.0f} ms"


@dataclass(frozen=True)
class World:
    """A registry of many prompts, one caller who asks for much, and another who does not."""

    registry: Registry
    caller: str
    neighbour: Api
    versions: cycle[str] = field(default_factory=lambda: cycle(("1.1.0", "1.0.0")))

    def live(self, rounds: int, releases: int = RELEASES) -> Waits:
        """Read, so often in each round, look and change, as everybody does."""
        waits = Waits()
        for _ in range(rounds):
            for _ in range(releases):
                waits.releases.append(self._timed("GET", f"/v1/environments/production/releases/{NEIGHBOUR}"))
            waits.livez.append(self._timed("GET", "/livez"))
            path = f"/v1/environments/production/rollouts/{NEIGHBOUR}/actions/promote"
            waits.promotes.append(self._timed("POST", path, {"version": next(self.versions)}))
        return waits

    def _timed(self, method: str, path: str, body: object = None) -> float:
        begun = time.monotonic()
        answer = self.neighbour.call(method, path, body)
        assert answer.status == 200, answer.text
        return time.monotonic() - begun


def prove(*, full: bool) -> Iterator[Result]:
    """Let the caller ask in one way after the other; in full, stop the registry while it does."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        author(folder, PROMPTS if full else FEW)
        if full:
            for kind in KINDS:
                yield _crowded(folder, kind)
        else:
            yield _in_short(folder)


def author(folder: Path, prompts: int) -> None:
    """Make the repository, and a journal in which each prompt was promoted twice."""
    commit = many.author(folder / "prompts.git", prompts)
    many.git(folder / "prompts.git", "tag", "-m", "Change", f"{NEIGHBOUR}/v1.1.0", "main")
    many.keep(folder / "data", commit, prompts, 2 * prompts)
    for version in ("1.0.0", "1.1.0"):  # lines that repeat, in another order
        lines = "".join(
            f"  line {i * (7 if version == '1.0.0' else 11) % 40}\n" for i in range(BIG_BYTES // 10)
        )
        file = f"messages:\n- role: user\n  content: |\n{lines.replace('  ', '    ')}".encode()[:BIG_BYTES]
        made = f"commit refs/heads/big\ncommitter {many.WHO.format(many.SECONDS)}\ndata 3\nbig\n".encode()
        made += b"M 100644 inline prompts/big.prompt.yml\ndata %d\n%s\n" % (len(file), file)
        many.git(folder / "prompts.git", "fast-import", "--quiet", "--force", data=made)
        many.git(folder / "prompts.git", "tag", "-m", "big", f"big/v{version}", "refs/heads/big")


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start it, and wait until it has nothing more to do."""
    registry = Registry(folder / "prompts.git", folder / "data", poll_seconds="3600", patience=READY_SECONDS)
    try:
        until(
            lambda: registry.api.get("/v1/catalog").json["unread"] == 0, "validation", patience=READY_SECONDS
        )
        made = [
            registry.api.call("POST", "/v1/tokens", {"name": f"{role} {time.monotonic_ns()}", "role": role})
            for role in ("releaser", "releaser")
        ]
        caller, neighbour = (answer.json["secret"] for answer in made)
        begun = World(registry, caller, Api(registry.url, neighbour))
        begun.live(2)
        yield begun
    finally:
        registry.stop()


@contextmanager
def crowd(world: World, kind: str) -> Iterator[int]:
    """Have the caller's requests at work; how many."""
    port = str(world.registry.port)
    command = [sys.executable, "-m", "faults.crowding", kind, str(AT_WORK), port, world.caller]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline())
            assert process.poll() is None, f"{kind} ended by itself"
        finally:
            process.kill()


def _crowded(folder: Path, kind: str) -> Result:
    with world(folder) as here:
        calm, before = here.live(ROUNDS // 3), _memory(here.registry)
        with crowd(here, kind) as at_work:
            waits = here.live(ROUNDS)
            grown = _memory(here.registry) - before
            begun = time.monotonic()
            code = here.registry.stop()
            stopped = time.monotonic() - begun
    told = f"p99 {waits}, alone {calm}; memory {grown / (1 << 20):+.0f} MB, stopped in {stopped:.1f} s"
    result = Result(kind, at_work, wrong=int(grown > MEMORY_BYTES) + int(code != 0), note=told)
    if max(calm.shares) > CALM:
        return replace(result, void=f"the machine is busy; alone {calm}")
    late = sum(share > 1 for share in waits.shares) + int(stopped > STOP_SECONDS)
    return at_least(replace(result, stale=late), AT_WORK)


def _in_short(folder: Path) -> Result:
    """All kinds at once, and whether others are served at all."""
    with world(folder) as here:
        with crowd(here, EVERYTHING) as at_work:
            here.live(FEW_ROUNDS)
            begun = time.monotonic()
            code = here.registry.stop()
        told = f"stopped in {time.monotonic() - begun:.1f} s"
        wrong = int(code != 0) + here.registry.log.count("Traceback")
    return at_least(Result(EVERYTHING, at_work, wrong=wrong, note=told), AT_WORK)


def _memory(registry: Registry) -> int:
    pages = int(Path(f"/proc/{registry.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
