"""A stand-in of a hosted tool's API: it answers requests from a table, and keeps them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYS = ("authorization", "x-api-key", "x-tenant-id", "x-mlflow-workspace")  # headers that are kept


class Raw(NamedTuple):
    """An answer as it is sent; `cut` bytes of the body are left off."""

    status: int
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    cut: int = 0


class HostedApi:
    """A running stand-in.

    Attributes:
        url: its address.
        asked: the requests: path, query and keys.
        faults: what is answered before all else, the first one first.
    """

    def __init__(self, url: str, answer: Callable[[str, dict[str, str]], Any]) -> None:
        self.url = url
        self.asked: list[dict[str, Any]] = []
        self.faults: list[Raw] = []
        self._answer = answer

    def answer(self, target: str, headers: dict[str, str]) -> Raw:
        """Return what to send for a request."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        keys = {name: value for name, value in headers.items() if name in KEYS}
        self.asked.append({"path": parts.path, "query": query, "headers": keys})
        if self.faults:
            return self.faults.pop(0)
        found = self._answer(parts.path, query)
        return Raw(404, b'{"message": "not here"}') if found is None else Raw(200, json.dumps(found).encode())


@contextmanager
def serve(answer: Callable[[str, dict[str, str]], Any]) -> Iterator[HostedApi]:
    """Serve on a free port what `answer` returns for a path and a query; None is a 404."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # an answer is one packet; two would wait for each other

        def do_GET(self) -> None:
            raw = api.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(raw.status)
            for name, value in (*raw.headers, ("Content-Length", str(len(raw.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw.body[: len(raw.body) - raw.cut])
            self.close_connection = bool(raw.cut)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = HostedApi(f"http://127.0.0.1:{server.server_port}", answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
