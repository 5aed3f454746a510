"""Run uvicorn, configured for the registry."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from registry.errors import Unavailable
from registry.server.http_protocol import BoundedHttpProtocol
from registry.server.metrics_folder import together
from registry.settings import passed_over
from registry.system import logs

if TYPE_CHECKING:
    from registry.settings import Settings

APP = "registry.app:from_environment"
# For running requests at shutdown: the slowest, a write to the journal, takes a hundredth of it. A client
# that does not read is cut off then, and the rest is done in well under a second: five are promised.
GRACE_SECONDS = 2
# A worker that does not answer its supervisor for so long is killed and replaced. It cannot answer before its
# interpreter runs: that takes a second, and twenty on a busy machine, where uvicorn's default of five would
# kill each worker before it starts.
HEALTHCHECK_SECONDS = 30
# A client whose machine or network is gone reads no heartbeats: it is counted for no more than four of them,
# not for the quarter of an hour in which the kernel would retry.
VANISHED_MILLISECONDS = 20_000
# The kernel would buffer megabytes for a client that does not read; beyond this data waits here, where it is
# bounded, and where only the newest of a changing release waits.
UNSENT_BYTES = 128 << 10

logger = logging.getLogger(__name__)


def run(settings: Settings, workers: int) -> int:
    """Serve until a signal ends it.

    Args:
        settings: the workers read them again, from the environment.
        workers: the number of processes.

    Returns:
        The exit code: 0, or 1 for a failed start.

    Raises:
        Unavailable: the address or port cannot be used.
    """
    config = uvicorn.Config(
        APP,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=workers,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        access_log=False,  # a key in a query must never reach a log
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=HEALTHCHECK_SECONDS,
        log_config=logs.configuration(settings.log_format, terminal=_is_terminal()),
    )
    with listen(settings.host, settings.port) as listener, together(settings.data, workers):
        _greet(settings, _url(settings.host, listener))
        # uvicorn stops cleanly on SIGTERM, and then raises it again; to systemd and compose that is success.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            return _serve(config, listener)
        except KeyboardInterrupt:
            return 0
        except SystemExit as end:  # ours at SIGTERM, or uvicorn's at a failed start, which it has logged
            return 1 if end.code else 0


class Supervisor(Multiprocess):
    """A supervisor that notices the end of a worker at once, not only after the time-out."""

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended."""
        for worker in self.processes:
            # The worker has its end by now; if ours stayed open, a dead worker would only seem slow.
            worker.child_conn.close()
        super().keep_subprocess_alive()


def _serve(config: uvicorn.Config, listener: socket.socket) -> int:
    if config.workers == 1:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        return 0 if server.started else 1
    supervisor = Supervisor(config, sockets=[listener])
    supervisor.run()
    failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    return 1 if failed else 0


def listen(host: str, port: int) -> socket.socket:
    """Bind the port before anything is started; early connections wait in the queue. Raises Unavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        cause = str(error.strerror).partition(" (")[0].lower()  # Python repeats the address in brackets
        raise Unavailable(
            f"cannot listen on {host}:{port}: {cause}; choose another with --host or "
            "--port (0 lets the system choose a port)"
        ) from error
    if sys.platform == "linux":  # every connection inherits it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MILLISECONDS)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return listener


def _url(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _greet(settings: Settings, url: str) -> None:
    for name in passed_over():
        logger.warning(
            "%s is passed over: Kubernetes makes it of a Service named promptstage. Set "
            "enableServiceLinks: false in the spec of the pod, or give --host and --port",
            name,
            extra={"event": "service_link", "variable": name},
        )
    facts = {
        "version": version("promptstage-registry"),
        "url": url,
        "repository": settings.repository,
        "data": str(settings.data.absolute()),
        "environments": ", ".join(settings.environments),
    }
    logger.info(
        "Promptstage %s running on %s (see /docs): prompts from %s, data in %s, environments %s",
        *facts.values(),
        extra={"event": "started", **facts},
    )


def _is_terminal() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
