"""A process of many clients, which does what it is told, a line each.

python -m faults.flock URL FOLDER SIZE    with TOKEN, and PACE, in the environment.
"""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Any

from faults.caller import NAME
from faults.crowd import is_true
from faults.pace import paced

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faults.crowd import Service

    from promptstage.status import PromptStatus

BREATH = 0.01  # seconds after each round of `get`, in which others may use the interpreter


class Flock:
    """Clients, for each of which `get` is called in turn.

    Attributes:
        attempts: when each thread attempted a connection (monotonic).
        gets: how often `get` was called.
        bad: how often it failed, or gave what nobody wrote.
    """

    def __init__(self, url: str, token: str, folder: Path, size: int) -> None:
        self.attempts: defaultdict[int, list[float]] = defaultdict(list)
        sys.addaudithook(self._note)
        self.clients = [
            Client(url, token=token, prompts=[NAME], snapshot_dir=folder / str(number))
            for number in range(size)
        ]
        self.gets = self.bad = 0
        Thread(target=self._get, daemon=True).start()

    def connected(self, bound: float) -> int:
        """How many have a stream, at the latest when the bound is over."""
        deadline = time.monotonic() + bound
        while (count := self._streams()) < len(self.clients) and time.monotonic() < deadline:
            time.sleep(BREATH)
        return count

    def reach(self, position: list[int], bound: float) -> list[float]:
        """When each client had come to a position (monotonic); infinity for those that did not."""
        deadline = time.monotonic() + bound
        times = [math.inf] * len(self.clients)
        while (late := [n for n, at in enumerate(times) if at == math.inf]) and time.monotonic() < deadline:
            for number in late:
                if self.clients[number]._held[NAME].release.position >= tuple(position):
                    times[number] = time.monotonic()
            time.sleep(BREATH)
        return times

    def report(self) -> tuple[list[list[float]], int, int]:
        """When each client attempted a connection; how often `get` was called, and how often it was bad."""
        threads = [client._source._follower._thread.ident for client in self.clients]  # type: ignore[attr-defined]
        return [self.attempts[thread] for thread in threads], self.gets, self.bad

    def look(self) -> tuple[float, list[PromptStatus]]:
        """The wall clock of this process, and how each client says that it stands."""
        return time.time(), [client.status()["prompts"][NAME] for client in self.clients]

    def _note(self, event: str, _: object) -> None:
        if event == "socket.connect":
            self.attempts[get_ident()].append(time.monotonic())

    def _streams(self) -> int:
        return sum(client.status()["stream"]["state"] == "connected" for client in self.clients)

    def _get(self) -> None:
        while True:
            for client in self.clients:
                self.gets += 1
                try:
                    self.bad += not is_true(client.get(NAME, key=self.gets, fallback=""))
                except Exception:  # noqa: BLE001 - there may be none, whatever it is
                    self.bad += 1
            time.sleep(BREATH)


class Herd:
    """All clients of a service, in several processes."""

    def __init__(
        self,
        service: Service,
        flocks: int,
        size: int,
        pace: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.size = flocks * size
        self._flocks = [
            subprocess.Popen(
                [sys.executable, "-m", "faults.flock", service.registry.url, str(folder), str(size)],
                env={**os.environ, **(environment or {}), "TOKEN": service.token, "PACE": str(pace)},
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for folder in (service.folder / f"flock-{number}" for number in range(flocks))
        ]

    def ask(self, order: str, *arguments: object) -> list[Any]:
        """What each flock says."""
        for flock in self._flocks:
            assert flock.stdin
            flock.stdin.write(json.dumps([order, *arguments]).encode() + b"\n")
            flock.stdin.flush()
        return [json.loads(flock.stdout.readline()) for flock in self._flocks if flock.stdout]

    def close(self) -> None:
        """End all."""
        for flock in self._flocks:
            flock.kill()
            flock.communicate()


def main(url: str, folder: str, size: str) -> None:
    """Answer until nobody asks any more."""
    logging.getLogger().addHandler(logging.NullHandler())  # each would say that its registry is gone
    with paced(float(os.environ["PACE"])):
        flock = Flock(url, os.environ["TOKEN"], Path(folder), int(size))
        for line in sys.stdin:
            order, *arguments = json.loads(line)
            sys.stdout.write(json.dumps(getattr(flock, order)(*arguments)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
