"""Register a client's sockets before they connect, so that they can be shut at any moment."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sockets:
    """Opens sockets, and knows those that are in use."""

    def __init__(self) -> None:
        # Weak: a thread that is ended from outside may not get to letting go of its own.
        self._known: WeakValueDictionary[int, socket.socket] = WeakValueDictionary()

    def __iter__(self) -> Iterator[socket.socket]:
        return iter([sock for reference in self._known.valuerefs() if (sock := reference())])

    def add(self, sock: socket.socket) -> None:
        """Know one that was made elsewhere, as TLS does around ours."""
        self._known[id(sock)] = sock

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to the first address that answers. Raises OSError, of the last one."""
        *others, last = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for other in others:
            with suppress(OSError):
                return self._connected(timeout, *other)
        return self._connected(timeout, *last)

    def shut(self) -> None:
        """End every conversation. Whoever waits for one is woken."""
        for sock in self:
            shut(sock)

    def forget(self) -> None:
        """In a forked child: let go of the parent's sockets without a word to the other side."""
        for sock in self:
            with suppress(OSError):
                os.close(sock.detach())
        self._known.clear()

    def _connected(
        self, timeout: float, family: int, kind: int, protocol: int, _: str, address: Any
    ) -> socket.socket:
        sock = socket.socket(family, kind, protocol)
        self.add(sock)
        try:
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock


def shut(sock: socket.socket) -> None:
    """End a conversation, from any thread."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
