"""What the middleware costs a request: the same empty application with and without it, called directly.

Nothing here fails on a slow machine.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.measure import Row, compared, in_turns

from promptstage.middleware import ASGIMiddleware, WSGIMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

CALLS = 2_000  # in a turn
HEADERS = {
    "host": "localhost",
    "accept": "*/*",
    "user-agent": "bench",
    "x-user-id": "u1",
    "cookie": "user=u1",
}
SETTINGS: Mapping[str, dict[str, Any]] = {
    "random key": {},
    "header": {"header": "X-User-Id"},
    "cookie": {"cookie": "user"},
    "functions": {"key": lambda _: "u1", "attributes": lambda _: {"tenant": "acme"}},
}
SCOPE = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in HEADERS.items()]}
ENVIRON = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}


async def asgi(_scope: Any, _receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Answer with nothing."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def wsgi(_environ: Any, start_response: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
    """Answer with nothing."""
    start_response("204 No Content", [])
    return []


async def asgi_requests(app: Any) -> None:
    """Serve them as an ASGI server does."""

    async def nowhere(_: object) -> None:
        pass

    for _ in range(CALLS):
        await app(dict(SCOPE), None, nowhere)


def wsgi_requests(app: Any) -> None:
    """Serve them as a WSGI server does."""

    def start_response(_status: str, _headers: object) -> None:
        pass

    for _ in range(CALLS):
        body = app(dict(ENVIRON), start_response)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()


def measure() -> Iterator[Row]:
    """What a request costs, beside the bare application."""
    with asyncio.Runner() as loop:
        yield from _kind("ASGI", asgi, ASGIMiddleware, lambda app: loop.run(asgi_requests(app)))
    yield from _kind("WSGI", wsgi, WSGIMiddleware, wsgi_requests)


def _kind(kind: str, bare: Any, middleware: Any, serve: Callable[[Any], object]) -> list[Row]:
    floor = f"{kind}, bare application"
    works = {floor: partial(serve, bare)} | {
        f"{kind}, middleware, {what}": partial(serve, middleware(bare, **settings))
        for what, settings in SETTINGS.items()
    }
    return compared(in_turns(works, calls=CALLS, cpu=True), floor, {})
