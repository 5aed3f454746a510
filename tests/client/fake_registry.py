"""A small registry of real HTTP on a thread: releases, versions and the stream, and many ways to fail."""

from __future__ import annotations

import gzip
import json
import socket
import time
from contextlib import suppress
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]
SECONDS = 10.0  # more than anything here takes; a test that waits this long has failed

NORMAL, BLACK_HOLE, GARBAGE, NO_STREAM, SILENT_STREAM = (
    "normal",
    "black hole",
    "garbage",
    "no stream",
    "silent stream",
)


def document(text: str = "Summarize {{text}}") -> Json:
    """A document of one message, whose placeholder `text` is required."""
    return {
        "title": "",
        "description": "",
        "model": "openai/gpt-5-mini",
        "parameters": {"maxTokens": 300},
        "response_format": "text",
        "json_schema": None,
        "variables": [{"name": "text", "required": True, "default": None, "description": ""}],
        "messages": [{"role": "user", "content": text}],
        "metadata": {},
        "extra": {},
    }


def digest(version: str) -> str:
    """The digest of a version's file, which has only the version in it."""
    return f"sha256:{sha256(version.encode()).hexdigest()}"


def served(version: str) -> Json:
    """One of a release's versions."""
    return {
        "number": 1,
        "digest": digest(version),
        "commit": "c0ffee",
        "document": document(f"{version}: {{{{text}}}}"),
    }


def release(  # noqa: PLR0913 - by keyword
    name: str = "summarize",
    stable: str = "1.2.0",
    *,
    seq: int = 1,
    epoch: int = 100,
    candidate: str | None = None,
    percent: float = 0,
    salt: str = "salt",
    audience: Json | None = None,
    recent: tuple[str, ...] = (),
) -> Json:
    """A release as the contract has it; with a candidate, a rollout at `percent` is under way."""
    own = round(percent * 1000)
    opposite = min(own, 100_000 - own)
    slots = [
        {"arm": "canary", "version": candidate, "start": 0, "size": own},
        {"arm": "control", "version": stable, "start": 100_000 - opposite, "size": opposite},
    ]
    when = [{"attribute": attribute, "in": values} for attribute, values in (audience or {}).items()]
    return {
        "environment": "production",
        "prompt": name,
        "epoch": epoch,
        "seq": seq,
        "targets": [{"when": when, "version": candidate, "arm": "canary"}] if when else [],
        "split": {"rollout": "r-1", "algo": "v1", "salt": salt, "slots": slots} if candidate else None,
        "default": {"version": stable, "arm": "stable"},
        "versions": {version: served(version) for version in (stable, candidate, *recent) if version},
        "recent": list(recent),
    }


def version_of(name: str, version: str, **changes: Any) -> Json:
    """A version as the contract has it."""
    return {
        "name": name,
        "version": version,
        "status": "valid",
        "problem": None,
        **served(version),
        **changes,
    }


class FakeRegistry:
    """Serve what is in `releases` and `versions`, or fail as `mode` says (an int is a status).

    A test that counts first fetches silences the stream, which otherwise may be faster.
    """

    def __init__(self, port: int = 0) -> None:
        self.releases: dict[str, Json] = {}
        self.versions: dict[tuple[str, str], Json] = {}
        self.missing_code = "no_release"
        self.missing_detail = "not there"
        self.mode: str | int = NORMAL
        self.headers: dict[str, str] = {}
        self.delay = Event()
        self.delay.set()
        self.requests: list[str] = []
        self.times: list[float] = []
        self.tokens: set[str | None] = set()
        self.asked: list[dict[str, str | None]] = []
        self.reports: list[tuple[str, Any]] = []
        self.report_status = 200
        self.report_ports: list[int] = []
        self.report_answer: Json = {"accepted": 0, "refused": [], "sample": 0.0}
        self.statuses: list[int] = []
        self.ended = Event()
        self.changed = Condition()
        self._streams: set[SimpleQueue[bytes | None]] = set()
        self._sockets: set[socket.socket] = set()
        self._server = _Server(self, port)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def publish(self, body: Json) -> None:
        """Serve a release from now on, and tell the streams."""
        with self.changed:
            self.releases[body["prompt"]] = body
        self.send(event("release", body))
        self.beat()

    def beat(self) -> None:
        """Send a heartbeat."""
        self.send(event("heartbeat", self.head()))

    def send(self, data: bytes) -> None:
        """Send bytes on every stream."""
        with self.changed:
            for stream in self._streams:
                stream.put(data)

    def head(self) -> Json:
        """The newest position of all releases."""
        epoch, seq = max(((r["epoch"], r["seq"]) for r in self.releases.values()), default=(100, 0))
        return {"epoch": epoch, "seq": seq}

    def drop_streams(self) -> None:
        """End every stream in good order."""
        with self.changed:
            for stream in self._streams:
                stream.put(None)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition over what arrived here holds."""
        with self.changed:
            assert self.changed.wait_for(condition, SECONDS), "the registry waited in vain"

    def recorded(self) -> list[Json]:
        """The records of calls that were taken in, in order, each batch once."""
        batches = {sent["batch"]: sent["calls"] for path, sent in self.reports if path == "calls"}
        return [record for calls in batches.values() for record in calls]

    def wait_for_streams(self, count: int = 1) -> None:
        """Wait until so many streams have been opened in all."""
        self.wait(lambda: len(self.asked) >= count)

    def count(self, part: str) -> int:
        """How many requests had this in their method and path."""
        return sum(part in request for request in self.requests)

    def stop(self) -> None:
        """Go away: refuse connections and break those that are open."""
        self.ended.set()
        self.delay.set()
        self._server.shutdown()
        self._server.server_close()
        self.drop_streams()
        for open_socket in tuple(self._sockets):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _subscribe(self, names: dict[str, str | None]) -> Iterator[bytes]:
        """What one stream sends."""
        queue: SimpleQueue[bytes | None] = SimpleQueue()
        with self.changed:
            first = [
                body for name, body in self.releases.items() if name in names and _is_newer(body, names[name])
            ]
            self._streams.add(queue)
            self.asked.append(names)
            self.changed.notify_all()
        if self.mode == SILENT_STREAM:
            yield b": a comment is no event\n\n"
        else:
            yield from (event("release", body) for body in first)
            yield event("heartbeat", self.head())
        yield from iter(queue.get, None)


def event(kind: str, body: Json) -> bytes:
    """A server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(body)}\n\n".encode()


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does without an event that tells of it."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def _is_newer(body: Json, position: str | None) -> bool:
    return position is None or (body["epoch"], body["seq"]) > tuple(map(int, position.split(".")))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, fake: FakeRegistry, port: int) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.fake._sockets.add(self.connection)

    def finish(self) -> None:
        self.server.fake._sockets.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        if self._is_normal():
            self._answer(*self._find(unquote(urlsplit(self.path).path)))

    def do_POST(self) -> None:
        fake = self.server.fake
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        sent = json.loads(body)
        if not self._is_normal():
            return
        if not self.path.endswith("/stream"):
            self._take_report(sent)
            return
        names = sent["names"]
        if fake.mode == NO_STREAM:
            self._answer(HTTPStatus.OK, {"this is": "no stream"})
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for data in fake._subscribe(names):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if not fake.ended.is_set():
            self.wfile.write(b"0\r\n\r\n")

    def _take_report(self, sent: Any) -> None:
        fake = self.server.fake
        with fake.changed:
            fake.reports.append((self.path.rpartition("/")[2], sent))
            fake.report_ports.append(self.client_address[1])
            fake.changed.notify_all()
        self._answer(fake.report_status, fake.report_answer)

    def _is_normal(self) -> bool:
        """Note the request; if the mode is to fail, fail."""
        fake = self.server.fake
        with fake.changed:
            fake.requests.append(f"{self.command} {self.path}")
            fake.times.append(time.monotonic())
            fake.tokens.add(self.headers["Authorization"])
            fake.changed.notify_all()
        fake.delay.wait()
        if fake.mode == BLACK_HOLE:
            fake.ended.wait()
            self.close_connection = True
        elif fake.mode == GARBAGE:
            self._answer(HTTPStatus.OK, {"garbage": True})
        elif isinstance(fake.mode, int):
            self._answer(fake.mode, {"code": "some_code", "detail": "as the test wants it"})
        else:
            return True
        return False

    def _find(self, path: str) -> tuple[int, Json]:
        fake = self.server.fake
        if path.endswith("/releases"):
            return 200, {"releases": [], "missing": []}
        if "/releases/" in path:
            body = fake.releases.get(path.partition("/releases/")[2])
            return (200, body) if body else (404, {"code": fake.missing_code, "detail": fake.missing_detail})
        if path == "/v1/prompts":
            return 401, {"code": "unauthorized", "detail": "no token"}
        name, _, version = path.removeprefix("/v1/prompts/").partition("/versions/")
        body = fake.versions.get((name, version))
        return (200, body) if body else (404, {"code": "unknown_version", "detail": "not there"})

    def _answer(self, status: int, body: Json) -> None:
        fake = self.server.fake
        etag = f'"{body["epoch"]}.{body["seq"]}"' if "epoch" in body else None
        if etag and self.headers["If-None-Match"] == etag:
            status = 304
        data = b"" if status == HTTPStatus.NOT_MODIFIED else json.dumps(body).encode()
        with fake.changed:
            fake.statuses.append(status)
            fake.changed.notify_all()
        self.send_response(status)
        for header, value in (fake.headers | ({"ETag": etag} if etag else {})).items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
