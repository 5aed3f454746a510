"""python -m bench.crowd PORT TOKEN COUNT SOURCE: many clients that follow one prompt, as light as can be.

It writes a line when all have their first heartbeat, or why some have not, and one for each release that all
of them got: as JSON, when each got it. It ends with its input.
"""

from __future__ import annotations

import json
import re
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load import HOST, processor_seconds
from support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/v1/environments/production/stream?names=summarize,other"
SEQ = re.compile(rb'^data: {"environment".{0,200}?"seq":(\d+)', re.MULTILINE)
TOGETHER = 50  # connections that are opened before their answers are awaited
SOURCE = "127.0.0.{}"  # an address has 28,000 ports, so each process has one of its own
READY = "ready"
BIND_ADDRESS_NO_PORT = 24  # of Linux; Python 3.11 has no name for it


class Crowd:
    """The crowd, for who started it."""

    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        """Wait until all follow. Raises ConnectionError: some cannot."""
        self._processes = processes
        self._lines = [process.stdout for process in processes if process.stdout]
        told = [lines.readline().strip() for lines in self._lines]
        if problems := [each for each in told if each != READY]:
            raise ConnectionError("; ".join(problems))

    def arrivals(self, seq: int) -> list[float]:
        """Wait until all have a release: when each got it, by the monotonic clock, earliest first."""
        found = list[float]()
        for lines in self._lines:
            while (told := json.loads(lines.readline()))["seq"] < seq:
                pass
            found += told["at"]
        return sorted(found)

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Read nothing meanwhile: to wake a client costs its server more than to send it a heartbeat.

        Only where both are on one machine, and only on a quiet one, where the client sleeps before each.
        """
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self._processes:
                process.send_signal(signal.SIGCONT)

    def processor_seconds(self) -> float:
        """What they have used of the processors so far."""
        return sum(processor_seconds(process.pid) for process in self._processes)


@contextmanager
def crowd(port: int, token: str, count: int, *, processes: int = 1) -> Iterator[Crowd]:
    """Let a crowd follow a registry meanwhile, from several processes if one may not have so many files."""
    with ExitStack() as stack:
        shares = [count // processes + (number < count % processes) for number in range(processes)]
        yield Crowd([_start(stack, port, token, share, number) for number, share in enumerate(shares)])


def _start(stack: ExitStack, port: int, token: str, count: int, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.crowd", str(port), token, str(count), SOURCE.format(number + 2)]
    folder = Path(__file__).parents[1]
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def follow(port: int, token: str, count: int, source: str) -> None:
    """Be a crowd."""
    poll = select.epoll()
    poll.register(0, select.EPOLLIN)
    sockets: dict[int, socket.socket] = {}
    asked = f"GET {PATH} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    try:
        for opened in range(0, count, TOGETHER):
            for each in _open(port, asked, min(TOGETHER, count - opened), source):
                sockets[each.fileno()] = each
                poll.register(each.fileno(), select.EPOLLIN)
    except OSError as error:
        print(f"{len(sockets)} of {count} from {source}: {error}", flush=True)
        return
    print(READY, flush=True)
    _listen(poll, sockets)


def _open(port: int, asked: bytes, count: int, source: str) -> list[socket.socket]:
    new = [socket.socket() for _ in range(count)]
    for each in new:
        each.settimeout(PATIENCE)
        each.setsockopt(
            socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1
        )  # else bind looks for long through so many
        each.bind((source, 0))
        each.connect((HOST, port))
        each.sendall(asked)
    for each in new:
        received = b""
        while b"event: heartbeat" not in received:
            if not (some := each.recv(1 << 16)):
                raise ConnectionError(f"the registry hung up: {received[:200]!r}")
            received += some
        assert received.startswith(b"HTTP/1.1 200"), received
    return new


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
    follow(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
