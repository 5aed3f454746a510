"""Real registries that stop, hang and die under clients, while `get` and promotes go on."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from faults.crowd import CLIENTS, Crowd, Service, Trial
from faults.pace import SHORT, SLACK, paced
from faults.proxy import BLACK_HOLE, PASS, SHUT, Fault, Proxy
from support import children

from promptstage import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from faults.scenario import Result

CONNECTED = 1.0  # seconds that a client with a stream may be behind
HALF_OPEN = limits.SILENCE + limits.ATTEMPT_SPACING + 2.0  # and one whose stream died without a word
# After a fault an attempt under way may wait for its answer, then a poll for its own, and then the longest
# back-off be due. What it took is in the note: after a fault of seconds, far less.
BACK = 2 * limits.ANSWER_TIMEOUT + limits.ATTEMPT_SPACING + limits.BACK_OFF_CAP
LEAST = 0.3  # seconds that a fault lasts in the short form
ATTEMPTS = 4  # that may not lie in the time of two


class Scene:
    """A service, and clients that each have a proxy to it.

    Attributes:
        slow: how often first fetches took longer than they may.
    """

    def __init__(self, folder: Path, pace: float) -> None:
        self.pace = pace
        self.slow = 0
        self.service = Service(folder)
        self.proxies = [Proxy(self.service.port) for _ in range(CLIENTS)]
        self.crowd = Crowd(self.service, [proxy.url for proxy in self.proxies], pace)

    def close(self) -> None:
        """End all of it."""
        self.crowd.close()
        for proxy in self.proxies:
            proxy.set(SHUT)
            proxy.cut()
        self.service.close()

    def strike(self, fault: Fault, *, cut: bool) -> int:
        """Let the network be like this; how many connections were cut."""
        for proxy in self.proxies:
            proxy.set(fault)
        return sum(proxy.cut() for proxy in self.proxies) if cut else 0

    def struck(self) -> int:
        """How often a proxy did something."""
        return sum(proxy.struck for proxy in self.proxies)

    def hasty(self, since: float) -> int:
        """How often a client attempted four connections in less time than lies between three."""
        return sum(
            last - first < (ATTEMPTS - 2) * limits.ATTEMPT_SPACING
            for proxy in self.proxies
            for times in [[at for at in proxy.attempts if at >= since]]
            for first, last in zip(times, times[ATTEMPTS - 1 :], strict=False)
        )


@contextmanager
def _running(scene: Scene) -> Iterator[int]:
    yield 1


@contextmanager
def _stopped(scene: Scene) -> Iterator[int]:
    scene.service.registry.stop()
    yield 1
    scene.service.start()


@contextmanager
def _killed(scene: Scene) -> Iterator[int]:
    scene.service.registry.kill()
    yield 1
    scene.service.start()


@contextmanager
def _frozen(scene: Scene) -> Iterator[int]:
    registry = scene.service.registry.process.pid
    processes = [registry, *children(registry)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    yield len(processes)
    for process in processes:
        os.kill(process, signal.SIGCONT)


def _by(fault: Fault, *, cut: bool = False) -> Callable[[Scene], AbstractContextManager[int]]:
    @contextmanager
    def network(scene: Scene) -> Iterator[int]:
        yield scene.strike(fault, cut=cut)
        scene.strike(PASS, cut=False)

    return network


@contextmanager
def _dripping(scene: Scene) -> Iterator[int]:
    """All answers a byte a second, those of first fetches too: each ends in time."""
    scene.strike(Fault(drip=scene.pace), cut=True)
    begun = time.monotonic()
    for client in scene.crowd.clients:
        client.get("never-seen", fallback="here")
    took = time.monotonic() - begun
    scene.slow += took > CLIENTS * (limits.FETCH_TIMEOUT * scene.pace + SLACK)
    yield len(scene.crowd.clients)
    scene.strike(PASS, cut=False)


@dataclass(frozen=True, slots=True)
class Injection:
    """One kind of fault.

    Attributes:
        what: in a few words.
        fault: injects it, says how often, and ends it.
        hold: seconds that it lasts.
        bound: seconds after it within which all clients are fresh again.
        stale: seconds within which each promote that is made meanwhile reaches all clients, if so.
        brief: whether it is part of the short form.
    """

    what: str
    fault: Callable[[Scene], AbstractContextManager[int]]
    hold: float = 1.5
    bound: float = BACK
    stale: float | None = None
    brief: bool = True


def _doubled(data: bytes) -> bytes:
    return data[: len(data) // 2] + data


def _reordered(data: bytes) -> bytes:
    return data[len(data) // 2 :] + data[: len(data) // 2]


INJECTIONS = (
    Injection("all is well", _running, stale=CONNECTED),
    Injection("registry stopped and started", _stopped, brief=False),
    Injection("registry killed and started", _killed),
    Injection("registry frozen (SIGSTOP)", _frozen, hold=8.0),
    Injection("network a black hole", _by(BLACK_HOLE, cut=True), hold=4.0, brief=False),
    Injection("streams half open", _by(BLACK_HOLE), hold=1.0, stale=HALF_OPEN),
    Injection("streams reset", _by(PASS, cut=True), hold=1.0, brief=False),
    Injection("answers cut short", _by(Fault(cut_after=3000), cut=True), brief=False),
    Injection("bytes doubled", _by(Fault(mangle=_doubled)), brief=False),
    Injection("bytes reordered", _by(Fault(mangle=_reordered)), brief=False),
    Injection("answers drip, a byte a second", _dripping, hold=8.0),
    Injection("streams drip, a byte a second", _by(Fault(drip=1.0)), hold=1.0, stale=HALF_OPEN, brief=False),
)


def prove(*, full: bool) -> Iterator[Result]:
    """Inject one fault after the other, and let all be well between them."""
    pace = 1.0 if full else SHORT
    with paced(pace), TemporaryDirectory() as folder, closing(Scene(Path(folder), pace)) as scene:
        for injection in INJECTIONS:
            if full or injection.brief:
                yield _inject(scene, injection)
        yield scene.crowd.verdict()


def _inject(scene: Scene, injection: Injection) -> Result:
    crowd = scene.crowd
    crowd.connected(BACK)
    trial = Trial(crowd, injection.what)
    before, scene.slow = scene.struck(), 0
    with injection.fault(scene) as injected:
        time.sleep(max(injection.hold * scene.pace, LEAST))
        while not injected + scene.struck() - before and time.monotonic() < trial.begun + limits.POLL_EVERY:
            time.sleep(SHORT)
    healed = time.monotonic()
    stale = crowd.late(injection.bound * scene.pace + SLACK)
    took = time.monotonic() - healed
    note = f"fresh after {took:.1f} s"
    if injection.stale is not None:
        behind = crowd.stalest(trial.begun, healed)
        stale += behind > (injection.stale if scene.pace == 1 else SLACK)
        note = f"{behind * 1000:.0f} ms behind at most"
    wrong = scene.hasty(trial.begun) + scene.slow
    return trial.result(injected + scene.struck() - before, stale=stale, wrong=wrong, note=note)
