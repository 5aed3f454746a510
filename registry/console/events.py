"""Tell open pages that something changed; each then asks for itself again."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from registry.access.capabilities import Capability
from registry.console import page
from registry.console.visit import ConsoleRoute, Visiting
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from registry.console.visit import Visit
    from registry.replication.read_model import EncodedRelease

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
BEAT_SECONDS = 3.0  # a page that hears less is told so; and a session that ended is found out then
MAX_WAITING = 100  # changes that a page was not told yet


@router.get("/events")
async def events(visit: Visiting, environment: Annotated[str, Query(max_length=40)]) -> StreamingResponse:
    """Stream `changed`, with the prompt, at each change of an environment; and `beat` in between."""
    visit.token.allow(Capability.reader, environment)
    headers = {**page.HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(visit, environment), media_type="text/event-stream", headers=headers)


async def _events(visit: Visit, environment: str) -> AsyncIterator[bytes]:
    loop, changed = asyncio.get_running_loop(), asyncio.Queue[str](MAX_WAITING)
    model, keyring = visit.services.hub.read_model, visit.services.rollouts.replica.keyring

    def tell(built: EncodedRelease) -> None:
        if built.release.environment == environment:
            loop.call_soon_threadsafe(put, built.release.prompt)

    def put(prompt: str) -> None:
        with suppress(asyncio.QueueFull):  # a page that is told once looks at everything
            changed.put_nowait(prompt)

    model.listeners = [*model.listeners, tell]  # it may be read in another thread now
    try:
        yield _event("beat", "")
        while keyring.admits(visit.token, timestamps.now()) and not visit.services.hub.is_closed:
            try:
                prompt = await asyncio.wait_for(changed.get(), BEAT_SECONDS)
            except TimeoutError:
                yield _event("beat", "")
            else:
                yield _event("changed", prompt)
    finally:
        model.listeners = [one for one in model.listeners if one is not tell]


def _event(kind: str, prompt: str) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(prompt)}\n\n".encode()
