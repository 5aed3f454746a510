"""Processes that fork, in pools and under gunicorn too, while something new is promoted all the time."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from client.serving import TESTS
from faults.promotes import promotes
from faults.scenario import Result
from faults.witness import CONNECTED_SECONDS, GET_SECONDS, STALE_SECONDS, connections_to, sockets_of
from support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.promotes import Promotes

SEED = 20261123
FORKS = {True: 300, False: 18}  # in full, in short
TASKS = 36
METHODS: dict[bool, tuple[str, ...]] = {True: ("fork", "forkserver", "spawn"), False: ()}
SERVE_SECONDS = {True: 10.0, False: 1.0}
SLACK = {True: 0.0, False: 4.0}  # seconds; in short there are others beside us
WORKERS = {"sync": ["--workers", "4"], "gthread": ["--workers", "4", "--threads", "4"]}
KILL_EVERY = 0.25
KILLS_A_RELOAD = 4
ASKERS = 2
GETS_A_SECOND = 200  # fewer prove nothing
GETS_A_REQUEST = 20
FAULTS = ("errors", "wrong", "stuck", "stamps", "slow", "shared", "threads")
OUT_SECONDS = 120.0


def prove(*, full: bool) -> Iterator[Result]:
    """Fork in every way."""
    random.seed(SEED)
    with promotes() as scene:
        yield _run(scene, "os.fork at any moment", "forking", full=full, times=FORKS[full])
        for method in METHODS[full]:
            yield _run(scene, f"multiprocessing, {method}", "pooled", method, full=full, times=TASKS)
        for kind in WORKERS if full else ["gthread"]:
            yield _serve(scene, kind, full=full)


def _run(scene: Promotes, what: str, module: str, *last: str, full: bool, times: int) -> Result:
    """Let another program fork, and take in what it tells."""
    command = [sys.executable, "-W", "ignore", "-m", f"faults.{module}", scene.proxy.url, scene.token]
    command += [str(scene.folder), str(SLACK[full]), str(times), *last]
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=TESTS, capture_output=True, text=True, check=False, timeout=OUT_SECONDS
    )
    seconds = time.monotonic() - begun
    if done.returncode:
        return Result(what, times, wrong=1, note=done.stderr[-300:])
    told = json.loads(done.stdout)
    counts = told["counts"]
    notes = [f"{counts['gets']} gets", f"connected in {told['slowest']['slowest connect']:.2f} s"]
    if "places" in told:
        notes += [f"at {len(told['places'])} places", f"costs {told['costs']} ms"]
    result = Result(
        what,
        counts.get("forks") or counts["processes"],
        wrong=sum(counts.get(fault, 0) for fault in FAULTS),
        stale=int(counts["late"]),
        note=", ".join(notes),
    )
    return _busy(result, counts["gets"] / seconds)


class Load:
    """Requests to the application without end, each on a connection of its own.

    Attributes:
        answers: so many came.
        cut: requests whose worker was killed.
        pids: the workers that answered.
    """

    def __init__(self, scene: Promotes, port: int, slack: float) -> None:
        self.answers = self.cut = self.wrong = self.late = 0
        self.pids: set[int] = set()
        self._scene = scene
        self._port = port
        self._slack = slack
        self._over = Event()
        self._lock = Lock()
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(ASKERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Make an end."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            sent = time.monotonic()
            told = self._ask()
            with self._lock:
                if told is None:
                    self.cut += 1
                else:
                    self._take(told, sent)

    def _ask(self) -> dict[str, Any] | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else {"wrong": 1}
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _take(self, told: dict[str, Any], sent: float) -> None:
        self.answers += 1
        self.wrong += told["wrong"]
        if "pid" not in told:
            return
        self.pids.add(told["pid"])
        self.wrong += told["took"] > GET_SECONDS + self._slack
        patience = STALE_SECONDS + self._slack
        if told["connected"] is None:
            self.late += told["age"] > CONNECTED_SECONDS + self._slack
        elif told["connected"] > patience:
            self.late += told["seq"] < self._scene.newest_before(sent - patience)


def _serve(scene: Promotes, kind: str, *, full: bool) -> Result:
    """Kill workers under load, and have them replaced or all restarted."""
    kills = reloads = shared = 0
    with _gunicorn(scene, kind) as (process, port):
        load = Load(scene, port, SLACK[full])
        begun = time.monotonic()
        while time.monotonic() < begun + SERVE_SECONDS[full]:
            time.sleep(KILL_EVERY)
            shared += _shared([process.pid, *_workers(process.pid)], scene.proxy.port)
            kills += _kill_one(process.pid)
            if not kills % KILLS_A_RELOAD:
                process.send_signal(signal.SIGHUP)
                reloads += 1
        # A worker that has answered takes signals; one that is just being forked may not.
        until(lambda: load.pids.issuperset(_workers(process.pid)), "all workers to answer")
        load.stop()
        seconds = time.monotonic() - begun
        stuck = not _ends(process)
    result = Result(
        f"gunicorn, {kind}: kill -9, SIGHUP",
        kills + reloads,
        wrong=load.wrong + shared + stuck,
        stale=load.late,
        note=f"{reloads} reloads, {len(load.pids)} workers, {load.answers * GETS_A_REQUEST} gets",
    )
    return _busy(result, load.answers * GETS_A_REQUEST / seconds)


def _busy(result: Result, rate: float) -> Result:
    """The result, void if all was well with fewer gets a second than prove anything."""
    if result.verdict == "broken" or rate >= GETS_A_SECOND:
        return result
    return replace(result, void=f"{rate:.0f} gets a second only")


@contextmanager
def _gunicorn(scene: Promotes, kind: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    command = [sys.executable, "-W", "ignore", "-m", "gunicorn", "--bind", "127.0.0.1:0", "--preload"]
    command += ["--worker-class", kind, *WORKERS[kind], "--no-control-socket", "--pythonpath", str(TESTS)]
    environment = {
        **os.environ,
        "PROMPTSTAGE_URL": scene.proxy.url,
        "PROMPTSTAGE_TOKEN": scene.token,
        "FOLDER": str(scene.folder),
    }
    log = scene.folder / f"{kind}.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen([*command, "faults.prefork_app:app"], stderr=stderr, env=environment)
    try:
        port = until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()), "gunicorn")[1]
        yield process, int(port)
    finally:
        process.kill()
        process.wait()


def _workers(master: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def _ends(process: subprocess.Popen[bytes]) -> bool:
    process.terminate()
    try:
        return process.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        return False


def _kill_one(master: int) -> bool:
    with suppress(IndexError, ProcessLookupError):  # none is there, or it has just ended
        os.kill(random.choice(_workers(master)), signal.SIGKILL)
        return True
    return False


def _shared(pids: list[int], port: int) -> int:
    """How many connections to a port two of these processes hold together."""
    there, held = connections_to(port), []
    for pid in pids:
        with suppress(FileNotFoundError):  # it ended
            held.append(sockets_of(pid) & there)
    return sum(len(one & other) for one, other in combinations(held, 2))
