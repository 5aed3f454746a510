"""A stand-in of a hosted tool's API: it answers requests as it is told, and keeps them."""

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


class Asked(NamedTuple):
    """A request: its path is as it was sent, and the body that of JSON."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None


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
        asked: the requests.
        faults: what is answered before all else, the first one first.
    """

    def __init__(self, url: str, answer: Callable[[Asked], Any]) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.faults: list[Raw] = []
        self._answer = answer

    def answer(self, asked: Asked) -> Raw:
        """Return what to send for a request."""
        self.asked.append(asked)
        if self.faults:
            return self.faults.pop(0)
        found = self._answer(asked)
        return Raw(404, b'{"message": "not here"}') if found is None else Raw(200, json.dumps(found).encode())


@contextmanager
def serve(answer: Callable[[Asked], Any]) -> Iterator[HostedApi]:
    """Serve on a free port what `answer` returns for a request; None is a 404."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # an answer is one packet; two would wait for each other

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items() if name.lower() in KEYS}
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(content) if content else None
            raw = api.answer(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
            self.send_response(raw.status)
            for name, value in (*raw.headers, ("Content-Length", str(len(raw.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw.body[: len(raw.body) - raw.cut])
            self.close_connection = bool(raw.cut)

        do_POST = do_GET  # noqa: N815 - its base's names

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
