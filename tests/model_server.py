"""What the stand-ins of model APIs share: HTTP, and errors in the shape of the real ones."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BAD, UNKNOWN = 400, 404


class Refusal(Exception):
    """A request that the real one would refuse: a status, and a sentence."""


class Raw(Exception):
    """An answer that is sent as it is: a status, the body, headers, and how much of the body is cut off."""

    def __init__(
        self, status: int, body: bytes, cut: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.cut = cut
        self.headers = headers or {}


class Api(Protocol):
    """An API of models."""

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer as the model would. Raises Refusal or Raw."""


A = TypeVar("A", bound=Api)


@contextmanager
def serve(make: Callable[[str], A]) -> Iterator[A]:
    """Serve an API, made for its address, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sent = self.answer(body)
            with suppress(ConnectionError):  # a caller that has gone
                self.send(sent)

        def send(self, sent: Raw) -> None:
            self.send_response(sent.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent.body)))
            for name, value in sent.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent.body[: len(sent.body) - sent.cut])

        def answer(self, body: dict[str, Any]) -> Raw:
            try:
                return Raw(200, json.dumps(api.answer(self.path, body)).encode())
            except Refusal as refusal:
                status, words = refusal.args
                error = {"message": words, "type": "invalid_request_error"}
                return Raw(status, json.dumps({"type": "error", "error": error}).encode())
            except Raw as raw:
                return raw

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its base's name
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api = make(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
