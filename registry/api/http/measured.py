"""Count and time every answer by its route's template, never by a path or a query."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from registry.api.stream import LATER, forget

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from registry.api.http.dependencies import Services
    from registry.api.stream import EventStream

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
UNMATCHED = "unmatched"  # a path without a route; a series for each would let any caller fill our memory


class Measured:
    """The outermost middleware; it sends streams itself, after the framework has returned.

    A stream may last for days, and all layers with their data of the request would last as long.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, and note when the answer starts."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope[LATER] = None
        await self._pass_on(scope, receive, send)
        stream: EventStream | None = scope[LATER]
        if stream is not None:
            metrics = _services(scope).metrics
            forget(scope)
            with metrics.streams.track_inprogress():
                await stream.follow(receive, send)
        return None

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, answer)
        if scope[LATER] is not None:  # the stream starts now
            _note(scope, HTTPStatus.OK, time.perf_counter() - began)


def _services(scope: Scope) -> Services:
    services: Services = scope["app"].state.services
    return services


def _note(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = getattr(scope.get("route"), "path_format", UNMATCHED)
    services = _services(scope)
    services.metrics.answered(method, route, int(status), seconds)
    if services.access_log:
        services.access_log(method, scope["path"], status, seconds, scope.get("state", {}).get("token"))
