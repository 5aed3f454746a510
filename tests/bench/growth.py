"""How cost grows with the number of prompts: what should be flat, and what may grow, is there to be seen.

For each size there is a registry, and a client that follows all of its prompts. Everything takes turns among
the sizes, so that all see the same machine. The floor of each is what it is at the smallest size, so that the
ratio tells how it grew. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench import many
from bench.load import processor_seconds
from bench.measure import PER_SECOND, Row, in_turns, median
from support import Registry, until

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = (10, 1_000, 5_000)  # prompts
VERSIONS = 2  # of each
STARTS = 3
CHANGES = 30
LOOKS = 5
CALLS = 10_000  # in a turn
FEW = 10  # prompts
BEATS, BEAT_SECONDS = 2, 5.0
READY_SECONDS = 60.0
LOOK_SECONDS = 0.0002
REST_SECONDS = 0.01  # after which a client has stored a change
FLAT = "flat"

T = TypeVar("T")
Samples = Mapping[int, Sequence[float]]  # seconds, by number of prompts


@dataclass(frozen=True, slots=True)
class World:
    """A registry with so many prompts, and a client that follows all of them."""

    prompts: int
    author: Path
    registry: Registry
    client: Client
    follower: int  # the thread that keeps the client fresh


def measure() -> Iterator[Row]:
    """Make all sizes, and measure one thing after the other at all of them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places = {prompts: _place(folder / str(prompts), prompts) for prompts in SIZES}
        starts = _turns({prompts: partial(_start, place) for prompts, place in places.items()}, STARTS)
        yield from _rows("start to ready", "s", starts)
        worlds = [_world(place, prompts, stack) for prompts, place in places.items()]
        yield from _gets(worlds)
        yield from _changes(worlds)
        lists = _turns({world.prompts: partial(_list, world) for world in worlds}, LOOKS)
        looks = _turns({world.prompts: partial(_look, world) for world in worlds}, LOOKS)
        notes = {
            prompts: f"git ls-remote alone {median(took)[0] * 1000:.0f} ms" for prompts, took in lists.items()
        }
        yield from _rows("sync: tagged -> served", "ms", looks, notes=notes)
        yield from _idle(worlds)


def _rows(
    work: str, unit: str, samples: Samples, target: str = "", notes: Mapping[int, str] | None = None
) -> Iterator[Row]:
    least = median(samples[SIZES[0]])[0] * PER_SECOND[unit]
    for prompts, seconds in samples.items():
        middle, spread = median(seconds)
        note = (notes or {}).get(prompts, "")
        yield Row(work, middle * PER_SECOND[unit], unit, spread, least, target, note, prompts)


def _turns(works: Mapping[int, Callable[[int], T]], times: int) -> dict[int, list[T]]:
    """Do each work so many times, in turns; what it returns. It is told how often it was done before."""
    found: dict[int, list[T]] = {prompts: [] for prompts in works}
    for turn in range(times):
        for prompts, work in works.items():
            found[prompts].append(work(turn))
    return found


def _place(place: Path, prompts: int) -> Path:
    """A repository, a journal in which each prompt was promoted, and a mirror that was fetched."""
    place.mkdir()
    commit = many.author(place / "prompts.git", prompts, VERSIONS)
    many.keep(place / "data", commit, prompts, prompts)
    _start(place)
    return place


def _start(place: Path, _: int = 0) -> float:
    begun = time.perf_counter()
    registry = Registry(place / "prompts.git", place / "data")
    took = time.perf_counter() - begun
    registry.stop()
    return took


def _world(place: Path, prompts: int, stack: ExitStack) -> World:
    # It looks at the repository only when it is asked: other sizes are measured meanwhile.
    registry = Registry(place / "prompts.git", place / "data", poll_seconds="3600")
    stack.callback(registry.stop)
    others = threading.enumerate()
    names, token, snapshots = many.names(prompts), registry.api.token, place / "snapshots"
    client = stack.enter_context(Client(registry.url, token=token, prompts=names, snapshot_dir=snapshots))
    (follower,) = (t for t in threading.enumerate() if t not in others and t.name == "promptstage")
    assert client.ready(READY_SECONDS), client.status()["stream"]
    until(lambda: not registry.api.get("/v1/catalog").json["unread"], "the end of the validation")
    assert follower.ident
    return World(prompts, place / "prompts.git", registry, client, follower.ident)


def _gets(worlds: Sequence[World]) -> Iterator[Row]:
    """Of a few prompts, and besides of any: to touch ever more memory costs time, too."""

    def repeat(get: Callable[..., object], names: list[str]) -> None:
        for name in names:
            get(name, key="user-42")

    def works(count: int) -> dict[int, Callable[[], None]]:
        chosen = {w.prompts: random.Random(1).choices(many.names(w.prompts)[:count], k=CALLS) for w in worlds}
        return {world.prompts: partial(repeat, world.client.get, chosen[world.prompts]) for world in worlds}

    few, any_of_all = (in_turns(works(count), calls=CALLS, cpu=True) for count in (FEW, SIZES[-1]))
    notes = {
        prompts: f"{median(took)[0] * 1e6:.2f} us if it is any of them, in no order: the processor's caches"
        for prompts, took in any_of_all.items()
    }
    yield from _rows("get", "us", few, FLAT, notes)


@dataclass(frozen=True, slots=True)
class Change:
    """What one change took, in seconds: two from the asking on, and two of a processor."""

    acknowledged: float
    served: float
    client: float
    registry: float


def _changes(worlds: Sequence[World]) -> Iterator[Row]:
    """Promotes, and what the stream makes of them.

    A client mostly serves a change a moment before it is acknowledged. So what the stream costs is told by
    the client's processor, and the time on the clock, which is that of the promote, besides.
    """
    with ThreadPoolExecutor(1) as pool:
        took = _turns({world.prompts: partial(_change, world, pool) for world in worlds}, CHANGES)

    def samples(what: str) -> Samples:
        return {prompts: [getattr(change, what) for change in changes] for prompts, changes in took.items()}

    def notes(what: str, words: str) -> dict[int, str]:
        return {
            prompts: words.format(median(seconds)[0] * 1000) for prompts, seconds in samples(what).items()
        }

    registry = notes("registry", "{:.1f} ms of the registry's processor, without git's")
    yield from _rows("promote acknowledged", "ms", samples("acknowledged"), FLAT, registry)
    served = notes("served", "of its processor; it serves it {:.1f} ms after the promote was asked for")
    yield from _rows("stream: a change at its client", "ms", samples("client"), FLAT, served)


def _change(world: World, pool: ThreadPoolExecutor, turn: int) -> Change:
    """One promote, until it is acknowledged and the client has served and stored it."""
    version = f"1.{(turn + 1) % 2}.0"
    before = [used(world) for used in (_client_used, _registry_used)]
    begun = time.perf_counter()
    acknowledged = pool.submit(_promote, world, version)
    while world.client.get(many.FIRST, key="u").version != version:
        time.sleep(LOOK_SECONDS)
    served = time.perf_counter()
    ended = acknowledged.result()
    time.sleep(REST_SECONDS)
    client, registry = (
        used(world) - was for used, was in zip((_client_used, _registry_used), before, strict=True)
    )
    return Change(ended - begun, served - begun, client, registry)


def _promote(world: World, version: str) -> float:
    answer = world.registry.api.act("promote", many.FIRST, {"version": version})
    assert answer.status == 200, answer.text
    return time.perf_counter()


def _client_used(world: World) -> float:
    """The seconds that the thread which keeps a client fresh has used of a processor."""
    return time.clock_gettime(time.pthread_getcpuclockid(world.follower))


def _registry_used(world: World) -> float:
    return processor_seconds(world.registry.process.pid)


def _list(world: World, _: int) -> float:
    begun = time.perf_counter()
    many.git(world.author, "ls-remote", "--tags", "--refs", ".")
    return time.perf_counter() - begun


def _look(world: World, turn: int) -> float:
    """Of a release manager who names a version that was just tagged: the registry looks, and has it."""
    version = f"2.{turn}.0"
    many.tag(world.author, version)
    begun = time.perf_counter()
    answer = world.registry.api.get(f"/v1/prompts/{many.FIRST}/versions/{version}")
    assert answer.status == 200, answer.text
    return time.perf_counter() - begun


def _idle(worlds: Sequence[World]) -> Iterator[Row]:
    """What either side needs of a processor from one heartbeat to the next, while nothing happens."""
    sides = {"client": _client_used, "registry": _registry_used}
    before = {side: [used(world) for world in worlds] for side, used in sides.items()}
    time.sleep(BEATS * BEAT_SECONDS)
    for side, used in sides.items():
        spent = [(used(w) - was) / BEATS * 1000 for w, was in zip(worlds, before[side], strict=True)]
        for world, value in zip(worlds, spent, strict=True):
            work = f"idle for {BEAT_SECONDS:.0f} s, {side}'s processor, {world.prompts:,} prompts"
            yield Row(work, value, "ms", floor=spent[0])
