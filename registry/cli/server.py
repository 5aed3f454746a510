"""uvicorn, set up for the registry."""

from __future__ import annotations

import logging
import socket
from copy import deepcopy
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from registry.errors import Unavailable

APP = "registry.app:from_environment"
GRACE_SECONDS = 5  # for requests under way at shutdown: the slowest, a write to the journal, takes far less

logger = logging.getLogger("uvicorn.error")


def run(host: str, port: int, workers: int) -> int:
    """Serve until a signal ends it.

    Returns:
        The exit code: 0, or uvicorn's for a failed start.

    Raises:
        Unavailable: the address or the port cannot be had.
    """
    config = uvicorn.Config(
        APP,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,  # a key in a query must never reach a log
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        log_config=_logging(),
    )
    with _listen(host, port) as listener:
        logger.info("Uvicorn running on %s (Press CTRL+C to quit)", _url(host, listener))
        try:
            return _serve(config, listener)
        except KeyboardInterrupt:
            return 0


def _serve(config: uvicorn.Config, listener: socket.socket) -> int:
    if config.workers == 1:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        return 0 if server.started else STARTUP_FAILURE
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    return STARTUP_FAILURE if failed else 0


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything is started; who connects early waits in the queue."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        cause = str(error.strerror).partition(" (")[0].lower()  # Python repeats the address in brackets
        raise Unavailable(
            f"cannot listen on {host}:{port}: {cause}; choose another with --host or "
            "--port (0 lets the system choose a port)"
        ) from error


def _url(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _logging() -> dict[str, Any]:
    """Uvicorn's own set-up, and the registry's lines beside uvicorn's."""
    config: dict[str, Any] = deepcopy(LOGGING_CONFIG)
    config["loggers"]["registry"] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return config
