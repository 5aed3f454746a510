"""A receiver of notifications: a real HTTP server that keeps what it is sent, and answers as it is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


class Receiver:
    """Listens on a free port of this machine; `answer` says with which status a request is answered."""

    def __init__(self, answer: Callable[[Received], int] = lambda _: 204) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.headers: dict[str, str] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """Keeps a request."""

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Keep it, and answer."""
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Received(self.path, headers, body)
                receiver.received.append(got)
                self.send_response(receiver.answer(got))
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def address(self, folder: Path, path: str = "/services/T0/B0/a-secret") -> Path:
        """A file with its address."""
        file = folder / "url"
        file.write_text(f"{self.url}{path}\n")
        return file

    @property
    def texts(self) -> list[str]:
        """What it was told, as Slack gets it or as programs do."""
        return [one.json.get("text") or one.json["data"]["text"] for one in self.received]
