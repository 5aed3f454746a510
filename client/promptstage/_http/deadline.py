"""Bound an answer as a whole: a socket's own time-out starts again with each byte that drips in."""

from __future__ import annotations

from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any

from promptstage.clock import uptime

if TYPE_CHECKING:
    import socket


class Deadline:
    """A moment after which nothing more is read; it may be put off."""

    def __init__(self, seconds: float) -> None:
        self.put_off(seconds)

    def put_off(self, seconds: float) -> None:
        """Let it be so many seconds from now."""
        self._at = uptime() + seconds

    def left(self) -> float:
        """Seconds until then. Raises TimeoutError when it is over."""
        left = self._at - uptime()
        if left <= 0:
            raise TimeoutError
        return left


class BoundedResponse(HTTPResponse):
    """A response of which no part, be it a header or the size of a chunk, is waited for any longer."""

    def __init__(self, sock: socket.socket, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = BufferedReader(_BoundedReader(self.fp.detach(), sock, deadline))


class _BoundedReader(RawIOBase):
    def __init__(self, raw: RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
