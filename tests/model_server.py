"""What the stand-ins of model APIs share: HTTP, and errors in the shape of the real ones."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BAD, UNKNOWN = 400, 404


class Refusal(Exception):
    """A request that the real one would refuse: a status, and a sentence."""


class Api(Protocol):
    """An API of models."""

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer as the model would. Raises Refusal."""


A = TypeVar("A", bound=Api)


@contextmanager
def serve(make: Callable[[str], A]) -> Iterator[A]:
    """Serve an API, made for its address, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, answer = 200, api.answer(self.path, body)
            except Refusal as refusal:
                status, words = refusal.args
                error = {"message": words, "type": "invalid_request_error"}
                answer = {"type": "error", "error": error}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

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
