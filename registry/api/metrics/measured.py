"""Counts and times every answer, by the template of its route: never by a path or a query."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from registry.api.metrics.metrics import Metrics

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
UNMATCHED = "unmatched"  # a path that no route has; naming it would let strangers fill our memory


class Measured:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and note when the answer begins."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        metrics: Metrics = scope["app"].state.parts.metrics
        began = time.perf_counter()
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _note(metrics, scope, message["status"], time.perf_counter() - began)
                if Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream"):
                    lifetime.enter_context(metrics.streams.track_inprogress())
            await send(message)

        with ExitStack() as lifetime:
            try:
                await self._app(scope, receive, answer)
            except Exception:
                if not started:  # the framework answers for it, outside of this
                    _note(metrics, scope, 500, time.perf_counter() - began)
                raise
        return None


def _note(metrics: Metrics, scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = getattr(scope.get("route"), "path_format", UNMATCHED)
    metrics.answered(method, route, status, seconds)
