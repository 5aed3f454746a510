"""Besiege a registry until killed: python -m faults.slow_clients KIND COUNT PORT TOKEN.

A process of its own, so that what it costs does not count as the registry's slowness.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PROMOTE = "POST /v1/environments/production/rollouts/summarize/actions/promote HTTP/1.1\r\nHost: x\r\n"
PIECE = bytes(1 << 16)
PIECES = (1 << 30) // len(PIECE)
TAKEN_BYTES = 4096  # that the kernel takes off a reader who never reads


async def silent(send: Callable[[bytes], Awaitable[None]], token: str) -> None:
    """Say nothing."""


async def slow_headers(send: Callable[[bytes], Awaitable[None]], token: str) -> None:
    """Begin a request, and go on with one byte a second."""
    await send(f"GET /v1/prompts HTTP/1.1\r\nAuthorization: Bearer {token}\r\nX-Long: ".encode())
    await _drip(send)


async def slow_body(send: Callable[[bytes], Awaitable[None]], token: str) -> None:
    """Announce a small body, and send one byte of it a second."""
    await send(f"{_promote(token)}Content-Length: 1000\r\n\r\n".encode())
    await _drip(send)


async def gigabyte(send: Callable[[bytes], Awaitable[None]], token: str) -> None:
    """Announce a gigabyte, and send it as fast as it is taken."""
    await send(f"{_promote(token)}Content-Length: {PIECES * len(PIECE)}\r\n\r\n".encode())
    for _ in range(PIECES):
        await send(PIECE)


async def gigabyte_in_chunks(send: Callable[[bytes], Awaitable[None]], token: str) -> None:
    """Send a gigabyte that was not announced."""
    await send(f"{_promote(token)}Transfer-Encoding: chunked\r\n\r\n".encode())
    for _ in range(PIECES):
        await send(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))


async def endless_headers(send: Callable[[bytes], Awaitable[None]], token: str) -> None:
    """Send a gigabyte of headers, as fast as it is taken."""
    await send(f"GET /v1/prompts HTTP/1.1\r\nAuthorization: Bearer {token}\r\n".encode())
    for number in range(1 << 20):
        await send(b"X-%d: %s\r\n" % (number, b"x" * 1000))


async def pipelined(send: Callable[[bytes], Awaitable[None]], token: str) -> None:
    """Send thousands of requests without reading an answer."""
    await send(b"GET /livez HTTP/1.1\r\n\r\n" * 10_000)


async def unread_stream(send: Callable[[bytes], Awaitable[None]], token: str) -> None:
    """Follow a prompt, and never read."""
    await send(
        f"GET /v1/environments/production/stream?names=big HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )


KINDS = {
    kind.__name__: kind
    for kind in (
        silent,
        slow_headers,
        slow_body,
        gigabyte,
        gigabyte_in_chunks,
        endless_headers,
        pipelined,
        unread_stream,
    )
}


def _promote(token: str) -> str:
    return f"{PROMOTE}Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"


async def _drip(send: Callable[[bytes], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(1)
        await send(b" ")


async def _connect(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TAKEN_BYTES)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    return connection


async def _besiege(connection: socket.socket, kind: str, token: str) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):  # it was cut off
        await KINDS[kind](lambda data: loop.sock_sendall(connection, data), token)


async def main(kind: str, count: int, port: int, token: str) -> None:
    """Besiege with many connections at once; say so when all are there."""
    connections = [await _connect(port) for _ in range(count)]
    sys.stdout.write(f"{count}\n")
    sys.stdout.flush()
    await asyncio.gather(*(_besiege(connection, kind, token) for connection in connections))
    await asyncio.Event().wait()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
