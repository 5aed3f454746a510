"""The process that asks for much: python -m faults.crowding KIND COUNT PORT TOKEN, until it is killed.

A process of its own, and a humble one, so that what it costs does not count as the registry's slowness.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = "/v1/environments/production"
START = f"{HERE}/rollouts/area-0/prompt-0/actions/start"
MANY = 1000
METHODS = ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW")
BEGIN = 0.5  # seconds in which all have connected
REST = 0.2  # seconds after a stream has begun, before it is opened again
JSON = "Content-Type: application/json\r\n"


def get(target: str, method: str = "GET") -> tuple[str, bytes]:
    """A request without a body: its line, and nothing more."""
    return f"{method} {target} HTTP/1.1\r\n", b""


def post(target: str, body: bytes) -> tuple[str, bytes]:
    """A request with a body of JSON."""
    return f"POST {target} HTTP/1.1\r\n{JSON}Content-Length: {len(body)}\r\n", body


def names(number: int, many: int) -> list[str]:
    """Names that nobody has, and that are like those that somebody has."""
    return [f"area-{n % 70}/promt-{number}-{n}" for n in range(many)]


def signs(sign: bytes, size: int = 900_000) -> bytes:
    """A body that repeats itself."""
    return b"[" + sign * (size // len(sign)) + b"0]"


KINDS: dict[str, Callable[[int], tuple[str, bytes]]] = {
    "unknown names": lambda n: get(f"{HERE}/releases/area-{n % 70}/promt-{n}x"),
    "a thousand unknown names": lambda n: get(f"{HERE}/releases?names={','.join(names(n, MANY))}"),
    "a thousand releases": lambda _: get(
        f"{HERE}/releases?names={','.join(f'area-{n % 70}/prompt-{n}' for n in range(MANY))}"
    ),
    "paths of 64 KB": lambda n: get(f"{HERE}/rollouts/{'rollouts/' * 7000}x", METHODS[n % len(METHODS)]),
    "escaped paths of 64 KB": lambda n: get(f"/v1/prompts/{'%61' * 21_000}", METHODS[n % len(METHODS)]),
    "queries of 64 KB": lambda n: get(
        f"{HERE}/resolve/area-0/prompt-0?{'attribute=a:b&' * 4500 if n % 2 else 'key=' + '%61' * 21_000}"
    ),
    "differences of 250 KB": lambda _: get("/v1/prompts/big/diff?from=1.0.0&to=1.1.0"),
    "versions of 250 KB": lambda n: get(f"/v1/prompts/big/versions/1.{n % 2}.0"),
    "streams of 3,000 invented names": lambda n: get(f"{HERE}/stream?names={','.join(names(n, 3000))}"),
    "streams of 10,000 invented names": lambda n: post(
        f"{HERE}/stream", json.dumps({"names": dict.fromkeys(names(n, 10_000))}).encode()
    ),
    "looks back": lambda n: get(
        f"{HERE}/resolve/area-0/prompt-0?key=u&at=20{10 + n % 17}-01-01T00:00:00Z"
        if n % 2
        else f"{HERE}/history?limit=500&cursor={1 + n % 5000}"
    ),
    "bodies of bad values": lambda n: post(
        f"{HERE}/rollouts/area-0/prompt-0/actions/start",
        signs((b"[],", b"{},", b'{"a":0},', b"[" * 9)[n % 4]),
    ),
    "bodies of 4,900 keys": lambda n: post(
        f"{HERE}/rollouts/area-0/prompt-0/actions/start",
        json.dumps({f"key-{n}-{number}": 0 for number in range(4900)}).encode(),
    ),
    "doctor": lambda _: get("/v1/doctor?prompt=area-0/prompt-0"),
    "pages of prompts": lambda n: get(f"/v1/prompts?limit=1000&cursor=area-{n % 70}"),
    "lists of all states": lambda _: get(f"{HERE}/rollouts"),
    "lists of clients, and the catalog": lambda n: get("/v1/catalog" if n % 2 else f"{HERE}/clients"),
    "numbers and descriptions": lambda n: get("/metrics" if n % 2 else "/openapi.json"),
    "unknown tokens": lambda n: (f"GET /v1/prompts HTTP/1.1\r\nAuthorization: Bearer ps_{n:040}\r\n", b""),
    "changes of unknown names": lambda n: post(
        f"{HERE}/rollouts/area-0/promt-{n}/actions/promote", b'{"version": "1.0.0"}'
    ),
}

EVERYTHING = "everything at once"
EACH = tuple(KINDS.values())
KINDS[EVERYTHING] = lambda n: EACH[n % len(EACH)](n)


async def ask(port: int, request: bytes) -> None:
    """Ask once, and read the answer; of a stream the begin, and then hang up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b"text/event-stream" in head:
            await asyncio.sleep(REST)
        else:
            while await reader.read(1 << 16):
                pass
    finally:
        writer.close()


async def go_on(kind: str, numbers: count[int], port: int, token: str) -> None:
    """Ask again and again, whatever is answered."""
    while True:
        head, body = KINDS[kind](next(numbers))
        common = f"Host: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        with suppress(OSError, asyncio.IncompleteReadError):
            await ask(port, f"{head}{common}".encode() + body)
        await asyncio.sleep(0)


async def main(kind: str, many: int, port: int, token: str) -> None:
    """Keep so many requests at work; say so when all have begun."""
    numbers = count()
    tasks = [asyncio.create_task(go_on(kind, numbers, port, token)) for _ in range(many)]
    await asyncio.sleep(BEGIN)
    sys.stdout.write(f"{many}\n")
    sys.stdout.flush()
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    os.nice(10)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
