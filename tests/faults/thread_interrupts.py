"""Hit a client's thread with exceptions: python -m faults.thread_interrupts URL TOKEN FOLDER SLACK HITS.

They come from outside, at any step, as from a debugger, a time-out decorator or a notebook that stops
threads. Writes one JSON object: how often what happened.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread

from faults.forking import place_of
from faults.witness import HOT, READY_SECONDS, Truth, seq_of, wait

from promptstage import Client, limits

SEED = 20261123
PAUSE = 0.03  # seconds between two hits, at most
BUSY_SECONDS = 0.1  # to wait for a thread that does something
HITS_A_LOOK = 20
FRESH_SECONDS = 3.0  # after a hit
CLOSED_SECONDS = 2.0
GETS, BREATH = 100, 0.01
SPACING = 0.05  # of attempts to connect, so that there is more to hit
EXCEPTIONS = (SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, RuntimeError, OSError, ValueError)
NAME = "promptstage"


class Hitter:
    """Hits, and looks whether the client goes on."""

    def __init__(self, client: Client, truth: Truth, slack: float) -> None:
        self.counts: Counter[str] = Counter(errors=0, wrong=0, late=0)
        self.places: Counter[str] = Counter()
        self.slowest = 0.0
        self._client = client
        self._truth = truth
        self._slack = slack
        self._over = Event()

    def run(self, hits: int) -> None:
        """Hit so many times."""
        sys.setswitchinterval(1e-5)
        caller = Thread(target=self._get)
        caller.start()
        while self.counts["hits"] < hits and wait(lambda: bool(_threads()), FRESH_SECONDS + self._slack):
            time.sleep(random.uniform(0, PAUSE))
            self.counts["hits"] += self._hit()
            if not self.counts["hits"] % HITS_A_LOOK:
                self._look()
        self._look()
        self._over.set()
        caller.join()
        self.counts["threads"] = len(_threads()) != 1

    def _get(self) -> None:
        while not self._over.wait(BREATH):
            for key in range(GETS):
                try:
                    self.counts["wrong"] += not self._truth.is_true(self._client.get(HOT, key=key))
                except Exception:  # noqa: BLE001 - there may be none, whatever it is
                    self.counts["errors"] += 1
            self.counts["gets"] += GETS

    def _hit(self) -> bool:
        """Raise something in the thread, if there is one, where it is not just waiting if that can be had."""
        number = next((thread.ident or 0 for thread in _threads()), 0)
        deadline = time.monotonic() + random.uniform(0, BUSY_SECONDS)
        while (place := place_of(sys._current_frames().get(number))) == "deadline.readinto":
            if time.monotonic() > deadline:
                break
        what = ctypes.py_object(random.choice(EXCEPTIONS))
        is_there = bool(ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(number), what))
        self.places[place] += is_there
        return is_there

    def _look(self) -> None:
        """Whether it follows."""
        next_one = self._truth.newest + 1
        assert wait(lambda: self._truth.newest >= next_one, READY_SECONDS), "nothing is promoted"
        since = time.monotonic()
        patience = FRESH_SECONDS + self._slack
        self.counts["late"] += not wait(lambda: seq_of(self._client) >= next_one, patience)
        self.slowest = max(self.slowest, time.monotonic() - since)


def _threads() -> list[Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def _open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def main(url: str, token: str, folder: str, slack: str, hits: str) -> None:
    """Hit, and say what became of it."""
    random.seed(SEED)
    logging.getLogger().addHandler(logging.NullHandler())
    limits.ATTEMPT_SPACING = limits.BACK_OFF_BASE = limits.BACK_OFF_CAP = SPACING
    client = Client(url, token=token, prompts=[HOT], snapshot_dir=Path(folder) / "snapshots")
    assert client.ready(READY_SECONDS)
    files = _open_files()
    hitter = Hitter(client, Truth(Path(folder)), float(slack))
    hitter.run(int(hits))
    files = _open_files() - files
    begun = time.monotonic()
    client.close()
    hitter.counts["slow to close"] = time.monotonic() - begun > CLOSED_SECONDS + float(slack)
    told = {"counts": hitter.counts, "places": hitter.places, "slowest": round(hitter.slowest, 2)}
    sys.stdout.write(json.dumps(told | {"files": files}))


if __name__ == "__main__":
    main(*sys.argv[1:])
