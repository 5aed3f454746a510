"""A TCP proxy on loopback that does what networks do: refuse, swallow, cut, delay, double, drip."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from threading import Lock, Thread
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK = 65_536
CONNECT_SECONDS = 2.0
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: closing says RST instead of FIN


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to connections, also to those that are open, from the moment it is set.

    Attributes:
        door: ``open``; ``shut``, where nobody listens; ``reset`` of whoever comes in; ``black hole``,
            which takes a connection and never says a word on it again.
        delay: seconds that each chunk of an answer is late.
        cut_after: bytes of its answer after which a connection ends.
        mangle: what becomes of each chunk of an answer.
        rate: bytes of answers a second.
        drip: seconds that each byte of an answer is late.
    """

    door: Literal["open", "shut", "reset", "black hole"] = "open"
    delay: float = 0.0
    cut_after: float = inf
    mangle: Callable[[bytes], bytes] | None = None
    rate: float = inf
    drip: float = 0.0


PASS = Fault()
SHUT, RESET, BLACK_HOLE = Fault("shut"), Fault("reset"), Fault("black hole")


class Proxy:
    """Stands in front of a port, or of a socket of this machine.

    Attributes:
        upstream: that port or socket; new connections follow a change.
        attempts: when each connection was attempted (monotonic); where the door is shut nobody can tell.
        struck: how often a fault did something to a connection or a chunk.
    """

    def __init__(self, upstream: int | Path) -> None:
        self.attempts: list[float] = []
        self.struck = 0
        self.upstream = upstream
        self._fault = PASS
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.set(SHUT)
        self.cut()

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"http://127.0.0.1:{self.port}"

    def set(self, fault: Fault) -> None:
        """From now on."""
        self._fault = fault
        if fault.door == "shut":
            self._unlisten()
        elif self._listener is None:
            self._listen()

    def cut(self) -> int:
        """Reset all connections, and say how many there were."""
        with self._lock:
            cut = tuple(self._open)
        for connection in cut:
            _abort(connection)
        return len(cut)

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = self._listener.getsockname()[1]
        Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _unlisten(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was closed
            while True:
                connection, _ = listener.accept()
                self.attempts.append(time.monotonic())
                Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with self._lock:
            self._open.add(near)
        try:
            if self._fault.door == "reset":
                self._strike()
                _abort(near)
            elif self._fault.door == "black hole":
                self._swallow(near)
            else:
                with _connect(self.upstream) as far:
                    self._join(near, far)
        except OSError:  # a side that went away, which is what this is for
            _abort(near)
        finally:
            with self._lock:
                self._open.discard(near)
            near.close()

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        asking = Thread(target=_pump, args=(near, far), daemon=True)
        asking.start()
        self._answer(near, far)
        for side, how in ((near, socket.SHUT_RD), (far, socket.SHUT_RDWR)):
            with suppress(OSError):
                side.shutdown(how)
        asking.join()

    def _answer(self, near: socket.socket, far: socket.socket) -> None:
        passed = 0
        while data := far.recv(CHUNK):
            fault = self._fault
            if fault != PASS:
                self._strike()
            if fault.door == "black hole":
                self._swallow(near)
                return
            if passed + len(data) > fault.cut_after:
                near.sendall(data[: max(0, int(fault.cut_after) - passed)])
                return
            time.sleep(fault.delay + len(data) / fault.rate)
            passed += len(data)
            for piece in [data[at : at + 1] for at in range(len(data))] if fault.drip else [data]:
                time.sleep(fault.drip)
                near.sendall(fault.mangle(piece) if fault.mangle else piece)

    def _swallow(self, near: socket.socket) -> None:
        """Say nothing more, for ever: TCP loses no bytes in the middle and then goes on."""
        self._strike()
        while near.recv(CHUNK):
            pass

    def _strike(self) -> None:
        with self._lock:
            self.struck += 1


def _connect(upstream: int | Path) -> socket.socket:
    if isinstance(upstream, int):
        far = socket.create_connection(("127.0.0.1", upstream), CONNECT_SECONDS)
        far.settimeout(None)
    else:
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(str(upstream))
        except OSError:
            far.close()
            raise
    return far


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


def _abort(connection: socket.socket) -> None:
    """Wake its threads, one of which closes it: with a reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        connection.shutdown(socket.SHUT_RD)
