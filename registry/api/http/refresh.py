"""Refresh before a definite no, so that tags and changes of a moment ago are known here."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from registry.access.capabilities import Capability
from registry.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services

Found = TypeVar("Found")

SYNC_SECONDS = 5.0  # a sync takes one or two; a longer wait is answered with "unknown"
# How often to repeat what failed with this code, after a sync each. The files of a suite come in two steps:
# that of the cases names the others.
REPEATS = {"unknown_prompt": 1, "unknown_version": 1, "being_fetched": 2}


async def refresh_journal(service: Services) -> None:
    """Refresh the journal before a definite no; concurrent requests share one refresh, and one thread."""
    replica, began = service.rollouts.replica, time.monotonic()
    if not (replica.is_sure and replica.is_current):
        await to_thread.run_sync(replica.refresh, began, limiter=service.threads.looks)


async def adopt_local(service: Services) -> None:
    """Adopt the writes of this data folder's other processes; without any, it reads one small file."""
    replica = service.rollouts.replica
    if not replica.is_current:
        await to_thread.run_sync(replica.adopt_local, limiter=service.threads.looks)


async def find(service: Services, token: Token, ask: Callable[[], Found]) -> Found:
    """Look something up in a thread; for a release manager, retry after a sync with the repository.

    Only tokens that may change rollouts get the retry: an app that repeatedly requests a wrong name must not
    make the registry contact the repository's host as often.
    """

    async def read() -> Found:
        return await to_thread.run_sync(ask)

    return await retry(service, read) if token.may(Capability.releaser) else await read()


async def retry(service: Services, ask: Callable[[], Awaitable[Found]]) -> Found:
    """Look something up; if a prompt, a version or what it needs is not here, sync and retry.

    Waiting for the sync holds no thread: a hanging host must not delay other requests.
    """
    tries = 0
    while True:
        try:
            return await ask()
        except (NotFound, Unavailable) as error:
            if tries >= REPEATS.get(error.code, 0):
                raise
        tries += 1
        async with service.bounds.rest():
            await asyncio.wait([asyncio.wrap_future(service.sync.sync_now())], timeout=SYNC_SECONDS)
