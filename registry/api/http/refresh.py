"""Refresh before a definite no, so that tags and changes of a moment ago are known here."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from registry.access.capabilities import Capability
from registry.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services

Found = TypeVar("Found")

SYNC_SECONDS = 5.0  # a sync takes one or two; a longer wait is answered with "unknown"
LATE = ("unknown_prompt", "unknown_version")


async def refresh_journal(service: Services) -> None:
    """Refresh the journal before a definite no; concurrent requests share one refresh, and one thread."""
    replica, began = service.rollouts.replica, time.monotonic()
    if not (replica.is_sure and replica.is_current):
        await to_thread.run_sync(replica.refresh, began, limiter=service.lookers)


async def adopt_local(service: Services) -> None:
    """Adopt the writes of this data folder's other processes; without any, it reads one small file."""
    replica = service.rollouts.replica
    if not replica.is_current:
        await to_thread.run_sync(replica.adopt_local, limiter=service.lookers)


async def find(service: Services, token: Token, ask: Callable[[], Found]) -> Found:
    """Look something up in a thread; for a release manager, retry after a sync with the repository.

    Only tokens that may change rollouts get the retry: an app that repeatedly requests a wrong name must not
    make the registry contact the repository's host as often.
    """

    async def read() -> Found:
        return await to_thread.run_sync(ask)

    return await retry(service, read) if token.may(Capability.releaser) else await read()


async def retry(service: Services, ask: Callable[[], Awaitable[Found]]) -> Found:
    """Look something up; if the prompt or version is unknown, sync with the repository and retry once.

    Waiting for the sync holds no thread: a hanging host must not delay other requests.
    """
    try:
        return await ask()
    except NotFound as error:
        if error.code not in LATE:
            raise
    async with service.bounds.rest():
        await asyncio.wait([asyncio.wrap_future(service.sync.sync_now())], timeout=SYNC_SECONDS)
    return await ask()
