"""What the measurements of the service share: a bare app beside the registry, and requests to both.

python -m bench.load FILE       serves what a file of JSON has, as bare as uvicorn can: the floor
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import subprocess
import sys
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

HOST = "127.0.0.1"
CONNECTIONS = 64
WARM_UP = 500  # requests
BEAT_SECONDS = 5.0
BEAT = {
    "type": "http.response.body",
    "body": b'event: heartbeat\ndata: {"epoch": 1795600000, "seq": 41}\n\n',
    "more_body": True,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: where it goes, and its headers; or many that differ in what `{key}` of its target is.

    The answers to all of them are of one length. With a body it is a POST of JSON.
    """

    target: str
    headers: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ("user-42",)
    body: str = ""

    @property
    def path(self) -> str:
        """Where it goes, without the query."""
        return self.target.partition("?")[0]

    @property
    def requests(self) -> list[bytes]:
        """As they go over the wire, one for each key."""
        method, headers = "GET", self.headers
        if self.body:
            posted = ("content-type", "application/json"), ("content-length", str(len(self.body.encode())))
            method, headers = "POST", (*headers, *posted)
        lines = [f"{method} {self.target} HTTP/1.1", f"host: {HOST}", *(f"{k}: {v}" for k, v in headers)]
        data = "\r\n".join([*lines, "", self.body])
        return [data.replace("{key}", key).encode() for key in self.keys]


class Load:
    """Connections to one server, on which requests are sent again and again.

    All are asked, and then all are read, the last one first: so a server has work for a while whenever it is
    woken, and this side sleeps until it is done. Else whichever is faster would wake the other for each
    request, which costs it as much as the request, and more on a quiet machine than on a busy one.
    """

    def __init__(self, port: int, ask: Ask, warm_up: int = WARM_UP) -> None:
        self._requests = cycle(ask.requests)
        self._sockets = [socket.create_connection((HOST, port), PATIENCE) for _ in range(CONNECTIONS)]
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = exchange(self._sockets[0], next(self._requests))
        self.run(warm_up)

    def close(self) -> None:
        """End the connections."""
        for each in self._sockets:
            each.close()

    def run(self, count: int) -> int:
        """Ask at least so often, in sum, and say how often; every answer is as long as the first."""
        length = len(self.answer)
        rounds = -(-count // CONNECTIONS)
        for _ in range(rounds):
            for each, data in zip(self._sockets, self._requests, strict=False):
                each.send(data)
            for each in reversed(self._sockets):
                _skip(each, length)
        return rounds * CONNECTIONS


def _skip(connection: socket.socket, length: int) -> None:
    while length:
        got = len(connection.recv(length))
        assert got, "the server hung up"
        length -= got


def answer(port: int, ask: Ask) -> bytes:
    """What a server answers to one request."""
    with socket.create_connection((HOST, port), PATIENCE) as connection:
        return exchange(connection, ask.requests[0])


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """Send a request, and give back the answer whole."""
    connection.sendall(data)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1 << 16)
    head, _, body = answer.partition(b"\r\n\r\n")
    lengths = [
        int(line.split()[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-len")
    ]
    while len(body) < sum(lengths):
        body += connection.recv(1 << 16)
    return head + b"\r\n\r\n" + body


def processor_seconds(pid: int) -> float:
    """What all threads of a process have used of a processor so far."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def memory(pid: int) -> int:
    """Bytes that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


class Bare:
    """A process with the floor: the same answers to the same requests, from a dictionary."""

    def __init__(self, folder: Path, answers: dict[str, bytes], stack: ExitStack) -> None:
        file = folder / "bare.json"
        file.write_text(json.dumps({path: answer.decode("latin-1") for path, answer in answers.items()}))
        port = folder / "bare.port"
        command = [sys.executable, "-m", "bench.load", str(file), str(port)]
        self.process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
        stack.callback(self.process.wait)
        stack.callback(self.process.kill)
        until(port.exists, "the bare app")
        self.port = int(port.read_text())


def serve(answers: Path, port: Path) -> None:
    """Serve the answers of a file, on a port that is written to another."""
    found = {path: _parsed(text.encode("latin-1")) for path, text in json.loads(answers.read_text()).items()}

    async def app(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        answer = found.get(scope["path"])
        if answer is None:
            return await _stream(receive, send)
        status, headers, body = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return None

    # uvicorn as the registry runs it, but for the registry's own protocol
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", lifespan="off", access_log=False,
        server_header=False, log_level="warning",
    )  # fmt: skip
    listener = socket.create_server((HOST, 0))
    port.with_suffix(".new").write_text(str(listener.getsockname()[1]))
    port.with_suffix(".new").rename(port)
    uvicorn.Server(config).run(sockets=[listener])


_open: set[Callable[[Any], Any]] = set()
_beating: list[asyncio.Task[None]] = []


async def _stream(receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """The least that a stream of events can be: the request's own task waits for its client to go."""
    _beating[:] = _beating or [asyncio.create_task(_beat())]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send(BEAT)
    _open.add(send)
    while (await receive())["type"] != "http.disconnect":
        pass
    _open.discard(send)


async def _beat() -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        for send in list(_open):
            await send(BEAT)


def _parsed(answer: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    pairs = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    return int(status.split()[1]), [pair for pair in pairs if pair[0] != b"date"], body


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
