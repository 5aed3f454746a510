"""Real uWSGI and gunicorn that load the application first and then fork, with and without telling Python."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.request import urlopen

from client.fake_registry import FakeRegistry, release
from client.serving import TESTS
from faults.scenario import Result, at_least
from support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

GUNICORN = [sys.executable, "-m", "gunicorn", "--preload", "--no-control-socket", "--pythonpath", str(TESTS)]
GUNICORN += ["faults.forked_app:app", "--bind", "{}"]
UWSGI = [sys.executable, "-c", "import pyuwsgi; pyuwsgi.run()", "--master", "--die-on-term"]
UWSGI += ["--disable-logging", "--module", "faults.forked_app:app", "--pythonpath", str(TESTS)]
UWSGI += ["--http-socket", "{}"]
THREADS = "--enable-threads"
SERVERS = {
    "uWSGI as it comes, 1 worker": [*UWSGI, THREADS, "--processes", "1"],
    "uWSGI, 3 workers of 2 threads": [*UWSGI, "--processes", "3", "--threads", "2"],
    "uWSGI that tells Python": [*UWSGI, THREADS, "--processes", "2", "--py-call-uwsgi-fork-hooks"],
    "uWSGI, lazy": [*UWSGI, THREADS, "--processes", "2", "--lazy-apps"],
    "gunicorn --preload": [*GUNICORN, "--workers", "3"],
    "gunicorn --preload, threads": [*GUNICORN, "--workers", "2", "--threads", "4"],
}
PROMOTES = {True: 10, False: 2}
STARTS = {True: 5, False: 1}
ASKED = 20  # times, after each promote
LATE = 0.5  # seconds after which a worker serves what was promoted
NOTICED = 1.5  # seconds after its first answer, which may be what the parent held, until a worker follows


def prove(*, full: bool) -> Iterator[Result]:
    """Start each server, promote, and ask its workers what they serve."""
    for what, command in SERVERS.items() if full else list(SERVERS.items())[:1]:
        if "pyuwsgi" in command[2] and not find_spec("pyuwsgi"):
            yield Result(what, 0, void="pyuwsgi is not installed")
        else:
            yield _served(what, command, full=full)


def _served(what: str, command: list[str], *, full: bool) -> Result:
    stale, asked, workers = 0, 0, 0
    for start in range(STARTS[full]):
        first: dict[str, float] = {}  # when each worker answered first
        with closing(_Scene()) as scene, scene.serving(command) as port:
            for number in range(PROMOTES[full] + 1):
                version = f"1.{start}.{number}"
                scene.promote(version)
                time.sleep(LATE)
                for answer in [_ask(port) for _ in range(ASKED)]:
                    if time.monotonic() - first.setdefault(answer["pid"], time.monotonic()) > NOTICED:
                        asked += 1
                        stale += answer["version"] != version
                time.sleep(0 if number else NOTICED)
        workers += len(first)
    return at_least(Result(what, asked, stale=stale, note=f"{workers} workers"), ASKED)


def _ask(port: int) -> dict[str, str]:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as answer:
        found: dict[str, str] = json.load(answer)
        return found


class _Scene:
    """A registry, and a folder for snapshots."""

    def __init__(self) -> None:
        self._registry = FakeRegistry()
        self._registry.releases["summarize"] = release(stable="0.0.1")
        self._folder = TemporaryDirectory()
        self._seq = 1

    def promote(self, version: str) -> None:
        """Serve a version from now on."""
        self._seq += 1
        self._registry.publish(release(stable=version, seq=self._seq))

    @contextmanager
    def serving(self, command: list[str]) -> Iterator[int]:
        """The port of a server that has forked its workers."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment = {"PROMPTSTAGE_URL": self._registry.url, "PROMPTSTAGE_SNAPSHOT_DIR": self._folder.name}
        with (Path(self._folder.name) / "log").open("wb") as log:
            process = subprocess.Popen(
                [part.format(f"127.0.0.1:{port}") for part in command],
                stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True,
            )  # fmt: skip
        try:
            until(lambda: _answers(port), "the server")
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # uWSGI may wait for its threads for ever
            process.wait(PATIENCE)

    def close(self) -> None:
        """End the registry."""
        self._registry.stop()
        self._folder.cleanup()


def _answers(port: int) -> bool:
    with suppress(OSError):
        return bool(_ask(port))
    return False
