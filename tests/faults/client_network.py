"""Clients behind a bad network, in front of a bad registry, while `get` is called all the time."""

from __future__ import annotations

import math
import random
import sys
import time
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from client.fake_registry import GARBAGE, NORMAL, FakeRegistry, Json, digest, event, release
from faults.caller import GETS_A_SECOND, NAME, Caller
from faults.pace import SHORT, SLACK, paced
from faults.proxy import BLACK_HOLE, PASS, RESET, SHUT, Fault, Proxy
from faults.scenario import Result, at_least

from promptstage import Client, limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptstage import Prompt

CLIENTS = 3
GETS = {True: 1_000_000, False: 20_000}  # in full, in short
BURST = 400  # gets in a row
PUBLISH_EVERY, HEARTBEAT_EVERY = 0.05, 5.0
SEED = 20261123


class Scene:
    """A registry that serves something new all the time, and clients that each have a proxy to it."""

    def __init__(self, folder: Path, pace: float) -> None:
        self.pace = pace
        self.registry = FakeRegistry()
        self.seq = 0
        self._digests: set[str] = set()
        self._over = Event()
        self.publish()
        self.proxies = [Proxy(self.registry.port) for _ in range(CLIENTS)]
        self.clients = [
            Client(
                proxy.url,
                prompts=[NAME],
                timeout=limits.FETCH_TIMEOUT * pace,
                snapshot_dir=folder / str(number),
            )
            for number, proxy in enumerate(self.proxies)
        ]
        assert all(client.ready(limits.ANSWER_TIMEOUT + SLACK) for client in self.clients)
        self.callers = [Caller(client, self._is_true, BURST) for client in self.clients]
        self._threads = [
            Thread(target=self._repeat, args=(self.publish, PUBLISH_EVERY)),
            Thread(target=self._repeat, args=(self.registry.beat, HEARTBEAT_EVERY * pace)),
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End all of it."""
        self._over.set()
        for caller in self.callers:
            caller.stop()
        for thread in self._threads:
            thread.join()
        for client in self.clients:
            client.close()
        for proxy in self.proxies:
            proxy.set(SHUT)
            proxy.cut()
        self.registry.stop()

    def publish(self) -> None:
        """Serve a new stable version and a new candidate."""
        stable, candidate = (f"1.{self.seq + 1}.{number}" for number in range(2))
        self._digests.update(digest(version) for version in (stable, candidate))
        self.seq += 1
        self.registry.publish(release(NAME, stable, seq=self.seq, candidate=candidate, percent=50))

    def strike(self, fault: Fault, *, cut: bool) -> int:
        """Let the network be like this, and cut what is open, or not."""
        for proxy in self.proxies:
            proxy.set(fault)
        return sum(proxy.cut() for proxy in self.proxies) if cut else 0

    def heal(self) -> None:
        """All is well."""
        self.registry.mode, self.registry.headers = NORMAL, {}
        self.strike(PASS, cut=False)

    def struck(self) -> int:
        """How often a proxy did something, or the registry had to answer as it should not."""
        odd = 0 if self.registry.mode == NORMAL else len(self.registry.requests)
        return odd + sum(proxy.struck for proxy in self.proxies)

    def gets(self) -> int:
        """How often `get` was called."""
        return sum(caller.gets for caller in self.callers)

    def wrongs(self) -> int:
        """How often `get` failed, or gave what was never served or is older than what it gave before."""
        return sum(caller.errors + caller.wrong for caller in self.callers)

    def hasty(self, since: float, spacing: float) -> int:
        """How often a client attempted four connections in less time than lies between three."""
        return sum(
            fourth - first < 2 * spacing
            for proxy in self.proxies
            for times in [[at for at in proxy.attempts if at >= since]]
            for first, fourth in zip(times, times[3:], strict=False)
        )

    def late(self, bound: float) -> int:
        """How many clients have not come to what is newest now when the bound is over."""
        newest, deadline = (100, self.seq), time.monotonic() + bound
        while late := sum(caller.position < newest for caller in self.callers):
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        return late

    def settle(self) -> None:
        """Wait until all clients have a stream again, those that poll not for long."""
        deadline = time.monotonic() + limits.BACK_OFF_CAP + SLACK
        while not all(map(_has_stream, self.clients)) and time.monotonic() < deadline:
            time.sleep(PUBLISH_EVERY)

    def _is_true(self, prompt: Prompt) -> bool:
        text = prompt.document.texts[0]
        return prompt.digest in self._digests and text.startswith(f"{prompt.version}:")

    def _repeat(self, work: Callable[[], None], seconds: float) -> None:
        while not self._over.wait(seconds):
            work()


def _has_stream(client: Client) -> bool:
    return client.status()["stream"]["state"] == "connected"


def _never(scene: Scene) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Injection:
    """One kind of fault.

    Attributes:
        what: in a few words.
        network: how the network is.
        cut: whether what is open is cut when it begins.
        mode: how the registry answers; a number is a status.
        retry_after: seconds that it then asks for; at least one, as the header knows no less.
        again: done all the time; says how often it happened.
        once: done when it begins; the same.
        hold: seconds that it lasts.
        bound: seconds after which all clients are fresh again, however long it lasted.
        stale: seconds after which they are fresh although it lasts, if so.
        spacing: seconds that lie between two attempts to connect.
    """

    what: str
    network: Fault = PASS
    cut: bool = False
    mode: str | int = NORMAL
    retry_after: float | None = None
    again: Callable[[Scene], int] = _never
    once: Callable[[Scene], int] = _never
    hold: float = 4.0
    bound: float = limits.BACK_OFF_CAP + limits.ATTEMPT_SPACING
    stale: float | None = None
    spacing: float = limits.ATTEMPT_SPACING


def _send_older(scene: Scene) -> int:
    """What was never served, of an earlier epoch, and what was, after what is newer."""
    scene.registry.send(event("release", release(NAME, "0.0.1", epoch=99, seq=scene.seq + 1000)))
    scene.registry.send(event("release", release(NAME, "0.0.2", seq=scene.seq - 3)))
    return 2


def _send_spoiled(scene: Scene) -> int:
    """The newest release, each time without one of its parts, or with null in its place."""
    newest = scene.registry.releases[NAME]
    spoiled = [_spoiled(newest, place, gone=gone) for place in _places(newest) for gone in (True, False)]
    for body in spoiled:
        scene.registry.send(event("release", body))
    return len(spoiled)


def _places(inside: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part, but for elements of lists, which may be fewer."""
    for key in inside if isinstance(inside, dict) else range(len(inside)):
        if isinstance(inside, dict):
            yield (*path, key)
        if isinstance(inside[key], dict | list):
            yield from _places(inside[key], (*path, key))


def _spoiled(body: Json, place: tuple[Any, ...], *, gone: bool) -> Json:
    body = deepcopy(body)
    *way, last = place
    inside: Any = body
    for key in way:
        inside = inside[key]
    if gone:
        del inside[last]
    else:
        inside[last] = None
    return body


def _send_garbage(scene: Scene) -> int:
    scene.registry.send(b"event: release\ndata: {" + random.randbytes(20).hex().encode() + b"\n\n")
    return 1


def _end_threads(scene: Scene) -> int:
    """Raise SystemExit in the threads that keep clients fresh, where they read next.

    Not just anywhere: that would leak whatever they were about to close, files of snapshots for one.
    """
    streams = [client._source._follower._stream for client in scene.clients]  # type: ignore[attr-defined]
    for stream in filter(None, streams):
        stream._read_some = sys.exit
    return len(list(filter(None, streams)))


def _buffered(data: bytes) -> bytes:
    """As by a proxy that keeps a stream's events to itself, and passes its header."""
    head, end, _ = data.partition(b"\r\n\r\n")
    if b"text/event-stream" in head:
        return head + end
    return b"" if b"event: " in data else data


INJECTIONS = (
    Injection("all is well", again=lambda _: 1, bound=1.0, stale=1.0),
    Injection("registry stopped and started", SHUT, cut=True),
    Injection("connections reset", RESET, cut=True),
    Injection("connections taken, never answered", BLACK_HOLE, cut=True),
    Injection("streams half open", BLACK_HOLE, hold=1.0, bound=15.0),
    Injection("streams reset in the middle", again=lambda scene: scene.strike(PASS, cut=True)),
    Injection("answers cut short", Fault(cut_after=3000), cut=True),
    Injection("answers late", Fault(delay=0.2), cut=True),
    Injection("answers slow", Fault(rate=100_000), cut=True),
    Injection("events doubled", Fault(mangle=lambda data: data + data)),
    Injection("bytes doubled", Fault(mangle=lambda data: data[: len(data) // 2] + data)),
    Injection("events older, and out of order", again=_send_older),
    Injection("events that are garbage", again=_send_garbage),
    Injection("events that lack something", again=_send_spoiled),
    Injection("status 500", mode=500, cut=True),
    Injection("status 503, Retry-After", mode=503, retry_after=2.0, cut=True, hold=9.0, spacing=2.0),
    Injection("thread ended that keeps it fresh", once=_end_threads),
    Injection("stream buffered away", Fault(mangle=_buffered), cut=True, hold=14.0, bound=15.0, stale=15.0),
    Injection("answers that are garbage", mode=GARBAGE, cut=True, hold=12.0),
)


def prove(*, full: bool) -> Iterator[Result]:
    """Inject one fault after the other, and let all be well between them."""
    random.seed(SEED)
    pace = 1.0 if full else SHORT
    with paced(pace), TemporaryDirectory() as folder, closing(Scene(Path(folder), pace)) as scene:
        for injection in INJECTIONS:
            yield _inject(scene, injection)
        gets = scene.gets()
        yield at_least(Result("get, all in all", gets, wrong=scene.wrongs()), GETS[full])


def _inject(scene: Scene, injection: Injection) -> Result:
    scene.settle()
    begun, gets, wrong = time.monotonic(), scene.gets(), scene.wrongs()
    scene.registry.mode = injection.mode
    if injection.retry_after is not None:
        scene.registry.headers = {"Retry-After": str(math.ceil(injection.retry_after * scene.pace))}
    before = scene.struck()
    injected = scene.strike(injection.network, cut=injection.cut) + injection.once(scene)
    end = begun + injection.hold * scene.pace
    patience = end + limits.POLL_EVERY + SLACK  # who polls has not noticed yet
    while time.monotonic() < (end if injected + scene.struck() > before else patience):
        time.sleep(PUBLISH_EVERY)
        injected += injection.again(scene)
    late = 0 if injection.stale is None else scene.late(injection.stale * scene.pace + SLACK)
    injected += scene.struck() - before
    scene.heal()
    healed = time.monotonic()
    late += scene.late(injection.bound * scene.pace + SLACK)
    took = time.monotonic() - healed
    hasty = scene.hasty(begun, injection.spacing * scene.pace)
    gets = scene.gets() - gets
    rate = gets / (time.monotonic() - begun)
    return Result(
        injection.what,
        injected,
        wrong=scene.wrongs() - wrong + hasty,
        stale=late,
        note=f"{gets} gets, fresh after {took:.1f} s",
        void="" if rate >= GETS_A_SECOND else f"{rate:.0f} gets a second only",
    )
