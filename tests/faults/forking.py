"""The process that forks while its client is busy: python -m faults.forking URL TOKEN FOLDER SLACK FORKS.

Writes one JSON object: how often what happened. A child that is not done in time says where it hangs.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from threading import enumerate as all_threads
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from faults.witness import COLD, HOT, READY_SECONDS, Told, Truth, Witness

from promptstage import Client, limits
from promptstage.stamp import current

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SEED = 20261123
AT_ONCE = 6  # children that live at the same time
PAUSE = 0.03  # seconds between two forks, at most
STUCK_SECONDS = 20
SPACING = 0.05  # of attempts to connect, so that there are many
FORKS_MEASURED = 40
KINDS = ("stays", "stays in a thread", "has a child", "exits", "exits at once", "is killed")


class Parent:
    """Makes children, and keeps count of what they tell."""

    def __init__(self, url: str, token: str, folder: Path, slack: float) -> None:
        self.truth = Truth(folder)
        self.counts: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}
        self.places: Counter[str] = Counter()
        self.client = Client(url, token=token, prompts=[HOT], snapshot_dir=folder / "snapshots")
        self._witness = Witness(self.client, self.truth, urlsplit(url).port or 0, slack)
        self._children: dict[int, tuple[str, int]] = {}
        self._over = Event()

    def run(self, forks: int) -> None:
        """Fork so many times."""
        assert self.client.ready(READY_SECONDS)
        self.counts["forks"] = forks
        sys.setswitchinterval(1e-5)  # a thread may lose its turn at any step
        works = (self._fetch_cold, self._fetch_pins, self._reconnect)
        busy = [Thread(target=self._repeat, args=(work,)) for work in works]
        for thread in busy:
            thread.start()
        for number in range(forks):
            time.sleep(random.uniform(0, PAUSE))
            while len(self._children) >= AT_ONCE:
                self._reap()
            kind = KINDS[number % len(KINDS)]
            if kind == "stays in a thread":
                thread = Thread(target=self._fork, args=(kind,))
                thread.start()
                thread.join()
            else:
                self._fork(kind)
        while self._children:
            self._reap()
        self._over.set()
        for thread in busy:
            thread.join()

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._over.wait(random.uniform(0, PAUSE)):
            work()

    def _fetch_cold(self) -> None:
        """Have a name fetched as if it had never been seen."""
        self.client._held.pop(COLD, None)
        self.counts["errors"] += not self.truth.is_true(self.client.get(COLD, stamp=False))

    def _fetch_pins(self) -> None:
        source: Any = self.client._source
        source._pins._kept.clear()
        for path in source._snapshots.folder.glob("*@*"):
            path.unlink(missing_ok=True)
        for version in self.truth.versions:
            self.client.get(HOT, version=version, stamp=False)

    def _reconnect(self) -> None:
        stream = self.client._source._follower._stream  # type: ignore[attr-defined]
        if stream is not None:
            stream.interrupt()

    def _fork(self, kind: str) -> None:
        self.client.get(HOT, key="user-42")
        stamp = str(current())
        self._note_places()
        reader, writer = os.pipe()
        child = os.fork()
        if child:
            os.close(writer)
            self._children[child] = (kind, reader)
            return
        # From here on it is the child.
        signal.alarm(STUCK_SECONDS)
        if kind == "exits at once":
            os._exit(0)
        told = self._witness.tell(stamp)
        if kind == "has a child":
            told.update(self._have_child())
        os.write(writer, json.dumps(told).encode())
        if kind == "is killed":
            time.sleep(STUCK_SECONDS)
        if kind == "exits" and current_thread() is main_thread():
            sys.exit(0)
        os._exit(0)

    def _have_child(self) -> dict[str, float]:
        stamp = str(current())
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(STUCK_SECONDS)
            os.write(writer, json.dumps(self._witness.tell(stamp)).encode())
            os._exit(0)
        told: Told = json.loads(os.read(reader, 4096) or b'{"stuck": 1}')
        os.waitpid(child, 0)
        return told | {"forks": 1}

    def _reap(self) -> None:
        """Wait for one child, and take in what it told."""
        child, (kind, reader) = next(iter(self._children.items()))
        told = os.read(reader, 4096)
        if kind == "is killed":
            os.kill(child, signal.SIGKILL)
        begun = time.monotonic()
        _, status = os.waitpid(child, 0)
        self._took("exit", time.monotonic() - begun)
        os.close(reader)
        del self._children[child]
        well = status == (signal.SIGKILL if kind == "is killed" else 0)
        self.counts["stuck"] += not well or (not told and kind != "exits at once")
        for what, value in json.loads(told or b"{}").items():
            if what.startswith("slowest"):
                self._took(what, value)
            else:
                self.counts[what] += value

    def _took(self, what: str, seconds: float) -> None:
        self.slowest[what] = max(self.slowest.get(what, 0.0), seconds)

    def _note_places(self) -> None:
        """Where the client's threads are now."""
        frames = sys._current_frames()
        for thread in all_threads():
            if thread.name.startswith("promptstage") and thread.ident in frames:
                self.places[place_of(frames[thread.ident])] += 1


def place_of(frame: FrameType | None) -> str:
    """The innermost function of the client that a thread is in."""
    while frame and "promptstage" not in frame.f_globals.get("__name__", ""):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}" if frame else "elsewhere"


def measure() -> float:
    """Milliseconds from a fork to the first step of the child, as the median."""
    took = []
    for _ in range(FORKS_MEASURED):
        reader, writer = os.pipe()
        begun = time.monotonic()
        if not os.fork():
            os.write(writer, b"x")
            os._exit(0)
        os.read(reader, 1)
        took.append(time.monotonic() - begun)
        os.wait()
        os.close(reader)
        os.close(writer)
    return sorted(took)[FORKS_MEASURED // 2] * 1000


def main(url: str, token: str, folder: str, slack: str, forks: str) -> None:
    """Fork, and say what became of it."""
    random.seed(SEED)
    limits.ATTEMPT_SPACING = limits.BACK_OFF_BASE = SPACING
    faulthandler.register(signal.SIGALRM, chain=True)
    without = measure()
    parent = Parent(url, token, Path(folder), float(slack))
    parent.client.ready(READY_SECONDS)
    costs = measure() - without
    parent.run(int(forks))
    parent.client.close()
    slowest = {what: round(seconds, 3) for what, seconds in parent.slowest.items()}
    told = {"counts": parent.counts, "slowest": slowest, "places": parent.places, "costs": round(costs, 2)}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(*sys.argv[1:])
