"""Real servers for applications, what they logged, and a client that says exactly what it sends."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import uvicorn
from support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication

TESTS = Path(__file__).parents[1]


class Lines(logging.Handler):
    """Keeps each log line and its stamp."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.seen.append((record.getMessage(), str(vars(record).get("promptstage"))))

    def of(self, name: str, *, last: str = "over") -> dict[str, str]:
        """The stamps of the lines that begin with a name, by the rest of the line, once the last is there."""

        def look() -> dict[str, str] | None:
            mine = [
                (text.split(" ", 1)[1], stamp) for text, stamp in self.seen if text.startswith(f"{name} ")
            ]
            return dict(mine) if last in dict(mine) else None

        return until(look, f"{name} {last}")


@contextmanager
def uvicorn_serving(app: Any) -> Iterator[int]:
    """The port of an ASGI application."""
    config = uvicorn.Config(app, port=0, log_config=None, log_level="info", lifespan="auto")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, "uvicorn")
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def wsgiref_serving(app: WSGIApplication) -> Iterator[int]:
    """The port of a WSGI application, with one thread for all requests."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def gunicorn_serving(
    app: str, log: Path, worker: tuple[str, ...] = ("gthread", "--threads", "4")
) -> Iterator[int]:
    """The port of a WSGI application in a process of its own, with one worker; stderr goes to a file."""
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--pythonpath", str(TESTS)]
    command += ["--worker-class", *worker, "--access-logfile", "/dev/null"]
    command += ["--no-control-socket", app]
    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr) as process:
        try:
            yield int(until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()), "gunicorn")[1])
        finally:
            process.terminate()
            process.wait(PATIENCE)


def get(path: str, **headers: str) -> str:
    """A request without its end; header names are written with underscores."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *lines])


def ask(port: int, *requests: str) -> str:
    """All that comes back on one connection for requests that are sent in one write."""
    text = "".join(f"{request}\r\n\r\n" for request in requests[:-1])
    text += f"{requests[-1]}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(text.encode())
        return connection.makefile("rb").read().decode()


def body(answer: str) -> Any:
    """The JSON of the last answer that came back."""
    return json.loads(answer.rpartition("\r\n\r\n")[2])
