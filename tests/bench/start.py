"""How long a start takes: of a registry that has much to read, and of the Valkey that it brings along.

The floors: the interpreter with everything that the registry imports; the Valkey server alone. Nothing here
fails on a slow machine.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load import processor_seconds
from bench.many import author, keep
from bench.measure import Row, median
from support import Registry, processes_with, until

from registry.redis import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPTS, CHANGES = 1000, 10_000
STARTS = 5
STARTERS = 8
IMPORTS = "import registry.app, registry.server.workers"
ATTACH = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from registry.redis import embedded

sys.stdin.readline()  # when all are here
begun = time.perf_counter()
with ExitStack() as lifetime:
    embedded.attach(Path(sys.argv[1]), lifetime)
    print(time.perf_counter() - begun, flush=True)
    sys.stdin.readline()
"""


def measure() -> Iterator[Row]:
    """Start them again and again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _valkey(folder / "valkey-data")
        yield from _registry(folder)


def _registry(folder: Path) -> Iterator[Row]:
    keep(folder / "data", author(folder / "prompts", PROMPTS), PROMPTS, CHANGES)
    times: list[float] = []
    floor: list[float] = []
    used: list[float] = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        registry = Registry(folder / "prompts", folder / "data")
        times.append(time.perf_counter() - begun)
        used.append(processor_seconds(registry.process.pid))
        states = registry.api.get("/v1/environments/production/rollouts").json["data"]
        registry.stop()
        assert len(states) == PROMPTS
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", IMPORTS], check=True)
        floor.append(time.perf_counter() - begun)
    what = f"start to ready, {PROMPTS} prompts, {CHANGES} changes"
    middle, spread = median(times)
    note = (
        f"the floor is what it imports; {median(used)[0]:.2f} s of a processor, the rest is waiting for one"
    )
    yield Row(what, middle, "s", spread, median(floor)[0], "<= 2 s", note)


def _valkey(data: Path) -> Iterator[Row]:
    data.mkdir()
    folder = Path(embedded.socket_url(data).removeprefix("unix://")).parent
    alone, one, all_of_them, ended, servers = [], [], [], [], []
    for _ in range(STARTS):
        alone.append(_server_alone())
        one += _attached(data, 1, [])
        servers_now: list[int] = []
        all_of_them.append(max(_attached(data, STARTERS, servers_now)))
        servers += servers_now
        begun = time.perf_counter()
        until(lambda: not processes_with(str(folder)), "the end of the server")
        ended.append(time.perf_counter() - begun)
    floor = median(alone)[0] * 1000
    yield _row("embedded Valkey: start", one, floor, "<= 100 ms", "the floor is the server alone")
    count = f"{max(servers)} server at most"
    yield _row(f"{STARTERS} starters at once, the last", all_of_them, floor, "one server", count)
    yield _row("owner killed: server gone", ended, None, "gone", "")


def _row(what: str, seconds: list[float], floor: float | None, target: str, note: str) -> Row:
    middle, spread = median(seconds)
    return Row(what, middle * 1000, "ms", spread, floor, target, note)


def _attached(data: Path, count: int, servers: list[int]) -> list[float]:
    """Let processes use the server of a folder, all at once, and kill them; how long each had to wait."""
    folder = Path(embedded.socket_url(data).removeprefix("unix://")).parent
    until(lambda: not processes_with(str(folder)), "the end of the server before")
    command = [sys.executable, "-c", ATTACH, str(data)]
    users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)]
    time.sleep(0.2 + 0.1 * count)  # until all have imported what they need
    for user in users:
        assert user.stdin
        user.stdin.write(b"\n")
        user.stdin.flush()
    took = [float(user.stdout.readline()) for user in users if user.stdout]
    servers.append(
        sum("valkey-server" in line and "keeper" not in line for line in processes_with(str(folder)))
    )
    for user in users:
        user.send_signal(signal.SIGKILL)
        user.communicate()
    return took


def _server_alone() -> float:
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "v.sock"
        options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--loglevel", "nothing"]
        begun = time.perf_counter()
        server = subprocess.Popen([embedded.binary(), *options], cwd=path.parent)
        stack.callback(server.wait)
        stack.callback(server.kill)
        connection = stack.enter_context(socket.socket(socket.AF_UNIX))
        while connection.connect_ex(str(path)):
            time.sleep(0.001)
        return time.perf_counter() - begun
