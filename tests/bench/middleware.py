"""What the middleware costs a request: the same empty application with and without it, called directly.

Nothing here fails on a slow machine; it prints what it measured.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from promptstage.middleware import ASGIMiddleware, WSGIMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

CALLS = 50_000
REPEATS = 5
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
    for _ in range(CALLS):
        body = app(dict(ENVIRON), lambda _status, _headers: None)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()


def best(work: Callable[[], object]) -> float:
    """The microseconds of a request in the best of some runs, for noise only adds."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) / CALLS * 1e6


def main() -> None:
    """Print what a request costs, and how many times the bare application that is."""
    report("ASGI", asgi, ASGIMiddleware, lambda app: best(lambda: asyncio.run(asgi_requests(app))))
    report("WSGI", wsgi, WSGIMiddleware, lambda app: best(lambda: wsgi_requests(app)))


def report(kind: str, bare: Any, middleware: Any, measure: Callable[[Any], float]) -> None:
    """Measure the floor, and each setting above it."""
    floor = measure(bare)
    print(f"{kind}, bare application {floor:19.2f} us")
    for what, settings in SETTINGS.items():
        found = measure(middleware(bare, **settings))
        print(f"{kind}, middleware, {what:<12} {found:12.2f} us   {found / floor:5.1f} times bare")


if __name__ == "__main__":
    main()
