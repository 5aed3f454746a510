"""python -m bench.crowd PORT TOKEN COUNT: many clients that follow one prompt, as light as can be.

It writes a line when all have their first heartbeat, and one for each release that all of them got: as JSON,
when each got it. It ends with its input.
"""

from __future__ import annotations

import json
import re
import select
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/v1/environments/production/stream?names=summarize,other"
SEQ = re.compile(rb'^data: {"environment".{0,200}?"seq":(\d+)', re.MULTILINE)
TOGETHER = 50  # connections that are opened before their answers are awaited


class Crowd:
    """The crowd, for who started it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        self._lines = process.stdout
        assert self._lines.readline() == b"ready\n"

    def arrivals(self, seq: int) -> list[float]:
        """Wait until all have a release: when each got it, by the monotonic clock, earliest first."""
        while (told := json.loads(self._lines.readline()))["seq"] < seq:
            pass
        return sorted(told["at"])


@contextmanager
def crowd(port: int, token: str, count: int) -> Iterator[Crowd]:
    """Let a crowd follow a registry meanwhile."""
    command = [sys.executable, "-m", "bench.crowd", str(port), token, str(count)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Crowd(process)
        finally:
            process.kill()


def follow(port: int, token: str, count: int) -> None:
    """Be a crowd."""
    poll = select.epoll()
    poll.register(0, select.EPOLLIN)
    sockets: dict[int, socket.socket] = {}
    asked = f"GET {PATH} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    for opened in range(0, count, TOGETHER):
        new = [socket.create_connection((HOST, port)) for _ in range(min(TOGETHER, count - opened))]
        for each in new:
            each.sendall(asked)
        for each in new:
            received = b""
            while b"event: heartbeat" not in received:
                received += each.recv(1 << 16)
            assert received.startswith(b"HTTP/1.1 200"), received
            sockets[each.fileno()] = each
            poll.register(each.fileno(), select.EPOLLIN)
    print("ready", flush=True)
    _listen(poll, sockets)


def _listen(poll: select.epoll, sockets: dict[int, socket.socket]) -> None:
    got: dict[int, list[float]] = {}
    while True:
        for descriptor, _ in poll.poll():
            if not descriptor:
                return
            received = sockets[descriptor].recv(1 << 16)
            now = time.monotonic()
            assert received, "the registry hung up"
            for seq in SEQ.findall(received):
                times = got.setdefault(int(seq), [])
                times.append(now)
                if len(times) == len(sockets):
                    print(json.dumps({"seq": int(seq), "at": times}), flush=True)


if __name__ == "__main__":
    follow(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
