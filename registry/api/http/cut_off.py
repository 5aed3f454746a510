"""Answer the requests that a stop interrupts, with what is known of their result.

uvicorn cancels running requests some seconds after a signal, and would answer a plain 500. A change that
waits for the journal then goes on in its thread: it may be made.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from registry.api.http import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING = frozenset(("GET", "HEAD", "OPTIONS"))
CHANGING = ("/actions/", "/v1/tokens")  # the paths of changes
STOPPING = "the registry is stopping, and did not answer in time; ask again, or ask another registry"
IN_DOUBT = (
    "the registry is stopping. This change was under way, and may have been made: repeat it with the same "
    "Idempotency-Key, which changes nothing twice, or look at the history (promptstage history)"
)


class CutOff:
    """Middleware that answers 503 for a request cancelled before anything was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, and answer if it is cancelled."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except asyncio.CancelledError:
            if started:
                raise
            doubtful = scope["method"] not in READING and any(part in scope["path"] for part in CHANGING)
            refusal = problem.answer(
                HTTPStatus.SERVICE_UNAVAILABLE,
                IN_DOUBT if doubtful else STOPPING,
                "in_doubt" if doubtful else "stopping",
                headers={"Connection": "close"},
            )
            await refusal(scope, receive, send)
        return None
