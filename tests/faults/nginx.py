"""Clients behind a real nginx: as it comes, as operators set it, and while it or the registry restarts."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from faults.client_service import BACK, CONNECTED, HALF_OPEN
from faults.crowd import CLIENTS, PROMOTE_EVERY, Crowd, Service, Trial
from faults.pace import SHORT, SLACK, paced
from faults.scenario import Result
from support import children, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BINARY = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
LARGE_BUFFERS = "proxy_buffer_size 256k; proxy_buffers 4 256k; proxy_busy_buffers_size 256k;"
LEAST = 0.3  # seconds that anything lasts in the short form
CONFIG = """
daemon off;
user {user};
pid {folder}/pid;
worker_processes 1;
worker_shutdown_timeout 1s;
events {{}}
http {{
    log_format status $status;
    access_log {folder}/access.log status;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {settings}
        location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
    }}
    server {{
        listen 127.0.0.1:{inner};
        location / {{ proxy_pass http://127.0.0.1:{service}; }}
    }}
}}
"""


class Nginx:
    """An nginx in front of a port; another one of its servers stands between them if it is told so."""

    def __init__(self, folder: Path, service: int) -> None:
        folder.mkdir()
        self._folder = folder
        self._service = service
        self.port, self._inner = _free_ports()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, settings: str = "", *, twice: bool = False) -> None:
        """Start it, after one that runs, with settings of the server that clients see."""
        self.close()
        config = CONFIG.format(
            user=getpass.getuser(),
            folder=self._folder,
            port=self.port,
            inner=self._inner,
            upstream=self._inner if twice else self._service,
            service=self._service,
            settings=settings,
        )
        (self._folder / "nginx.conf").write_text(config)
        assert BINARY
        log = self._folder / "error.log"
        command = [BINARY, "-p", str(self._folder), "-e", str(log), "-c", "nginx.conf"]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(command, stderr=errors)
        until(self._listens, "nginx", log.read_text())

    def reload(self) -> int:
        """Let new workers take the place of the old ones; how many did."""
        assert self._process
        before = set(children(self._process.pid))
        self._process.send_signal(signal.SIGHUP)
        until(lambda: not before & set(children(self._process.pid)), "nginx to reload")  # type: ignore[union-attr]
        return len(before)

    def answered(self, status: int) -> int:
        """How often it answered with a status."""
        return (self._folder / "access.log").read_text().split().count(str(status))

    def close(self) -> None:
        """End it at once, with all connections."""
        if self._process:
            self._process.terminate()
            self._process.wait()

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


class Scene:
    """A service, an nginx, and clients of that."""

    def __init__(self, folder: Path, pace: float) -> None:
        self.pace = pace
        self.service = Service(folder)
        self.nginx = Nginx(folder / "nginx", self.service.port)
        self.nginx.start()
        self.crowd = Crowd(self.service, [self.nginx.url] * CLIENTS, pace)

    def close(self) -> None:
        """End all of it."""
        self.crowd.close()
        self.nginx.close()
        self.service.close()

    def wait(self, seconds: float) -> None:
        """Let it last, in the short form shorter."""
        time.sleep(max(seconds * self.pace, LEAST))

    def opened(self) -> list[int]:
        """How many streams each client has opened."""
        return [client.status()["counts"]["streams_opened"] for client in self.crowd.clients]


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration, and how soon clients behind it have what was promoted.

    Attributes:
        what: in a few words.
        settings: of the server that clients see.
        twice: whether it has another nginx, as it comes, behind it.
        stale: seconds within which a promote reaches all clients.
        hold: seconds in which promotes are made.
        every: seconds between two of them.
        brief: whether it is part of the short form.
    """

    what: str
    settings: str = ""
    twice: bool = False
    stale: float = CONNECTED
    hold: float = 2.0
    every: float = PROMOTE_EVERY
    brief: bool = False


CASES = (
    Case("nginx as it comes", brief=True),
    Case("proxy_buffering off", "proxy_buffering off;"),
    Case("gzip on", "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1;"),
    Case("X-Accel-Buffering ignored", "proxy_ignore_headers X-Accel-Buffering;"),
    # Heartbeats come every 5 s too; with less, a stream is cut again and again.
    Case("proxy_read_timeout 5s", "proxy_read_timeout 5s;", stale=HALF_OPEN, hold=13.0, every=6.0),
    Case("proxy_read_timeout 4s", "proxy_read_timeout 4s;", stale=HALF_OPEN, hold=10.0, every=4.5),
    # The inner one ends its answers by closing, and of such the outer one gathers whole buffers: here larger
    # ones than all promotes fill.
    Case(
        "one nginx behind another: buffered",
        LARGE_BUFFERS,
        twice=True,
        stale=HALF_OPEN,
        hold=13.0,
        every=3.0,
        brief=True,
    ),
)


def _try(scene: Scene, case: Case, *, full: bool) -> Result:
    crowd = scene.crowd
    scene.nginx.start(case.settings, twice=case.twice)
    crowd.connected(0.0 if case.twice else BACK)
    late = crowd.late(BACK * scene.pace + SLACK)
    opened, crowd.promoter.every = scene.opened(), max(case.every * scene.pace, PROMOTE_EVERY)
    trial = Trial(crowd, case.what)
    scene.wait(case.hold)
    asked = time.monotonic()
    late += crowd.late(case.every + case.stale * scene.pace + SLACK)
    behind = crowd.stalest(trial.begun, asked)
    openings = [after - before for before, after in zip(opened, scene.opened(), strict=True)]
    crowd.promoter.every = PROMOTE_EVERY
    return trial.result(
        _happened(scene, case, openings),
        stale=late + (behind > (case.stale if full else case.stale * scene.pace + SLACK)),
        note=f"{behind * 1000:.0f} ms behind at most, {sum(openings)} streams opened",
    )


def _happened(scene: Scene, case: Case, openings: list[int]) -> int:
    """To how many clients it happened: they have no stream where there can be none, else they have one."""
    states = [client.status()["stream"]["state"] for client in scene.crowd.clients]
    if case.twice:
        return sum(not new and state != "connected" for new, state in zip(openings, states, strict=True))
    return sum(new > 0 or state == "connected" for new, state in zip(openings, states, strict=True))


def _restart(scene: Scene) -> int:
    scene.nginx.start()
    return 1


def _reload(scene: Scene) -> int:
    return scene.nginx.reload()


def _bad_gateway(scene: Scene) -> int:
    """The registry is killed and started again; nginx answers for it meanwhile."""
    scene.service.registry.kill()
    until(lambda: scene.nginx.answered(502), "nginx to answer 502")
    scene.wait(3.0)
    scene.service.start()
    return scene.nginx.answered(502)


def _gateway_timeout(scene: Scene) -> int:
    """The registry hangs, and goes on."""
    scene.nginx.start("proxy_read_timeout 1s;")
    processes = [scene.service.registry.process.pid, *children(scene.service.registry.process.pid)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    with suppress(AssertionError):  # too little happened, which the result says
        until(lambda: scene.nginx.answered(504), "nginx to answer 504")
    for process in processes:
        os.kill(process, signal.SIGCONT)
    return scene.nginx.answered(504)


FAULTS: tuple[tuple[str, Callable[[Scene], int], bool], ...] = (
    ("nginx restarted", _restart, True),
    ("nginx reloaded", _reload, False),
    ("502 while the registry restarts", _bad_gateway, True),
    ("504 while the registry hangs", _gateway_timeout, False),
)


def _strike(scene: Scene, what: str, inject: Callable[[Scene], int]) -> Result:
    trial = Trial(scene.crowd, what)
    injected = inject(scene)
    healed = time.monotonic()
    late = scene.crowd.late(BACK * scene.pace + SLACK)
    return trial.result(injected, stale=late, note=f"fresh after {time.monotonic() - healed:.1f} s")


def prove(*, full: bool) -> Iterator[Result]:
    """One configuration after the other, and then what happens to the first."""
    if BINARY is None:
        yield Result("nginx", 0, void="there is no nginx on this machine")
        return
    pace = 1.0 if full else SHORT
    with paced(pace), TemporaryDirectory() as folder, closing(Scene(Path(folder), pace)) as scene:
        for what, inject, brief in FAULTS:
            if full or brief:
                yield _strike(scene, what, inject)
        for case in CASES:
            if full or case.brief:
                yield _try(scene, case, full=full)
        yield scene.crowd.verdict()
