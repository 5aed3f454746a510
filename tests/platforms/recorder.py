"""An endpoint that keeps what it is sent, and answers as a platform's own would."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Sent(NamedTuple):
    """One request; its body is unpacked."""

    path: str
    headers: dict[str, str]
    body: bytes


class Recorder(NamedTuple):
    """Where to send, and what came."""

    url: str
    sent: list[Sent]

    def bodies(self, path: str) -> list[bytes]:
        """What was sent to a path, without its query."""
        return [sent.body for sent in self.sent if sent.path.partition("?")[0] == path]


@contextmanager
def record(answers: Mapping[str, object]) -> Iterator[Recorder]:
    """Serve it.

    Args:
        answers: by the end of a path, in JSON; all others are answered ``{}``.
    """
    recorder: list[Sent] = []

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = _unpacked(self._body(), self.headers.get("Content-Encoding", ""))
            recorder.append(Sent(self.path, dict(self.headers), body))
            path = self.path.partition("?")[0]
            answer = next((answers[end] for end in answers if path.endswith(end)), {})
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_PATCH = do_POST  # noqa: N815 - its base's names

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its base's name
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Recorder(f"http://127.0.0.1:{server.server_port}", recorder)
        finally:
            server.shutdown()
            thread.join()


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body
