"""Look again before calling something unknown: it may have been pushed or changed a moment ago."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from registry.access.tokens import Role
from registry.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services

Found = TypeVar("Found")

LOOK_SECONDS = 5.0  # a look and a fetch take one or two; who waits longer is told that it is unknown
LATE = ("unknown_prompt", "unknown_version")


async def refresh_journal(service: Services) -> None:
    """Look at the journal before a definite no; any number of askers share one look, and one thread."""
    replica, began = service.rollouts.replica, time.monotonic()
    if not (replica.is_sure and replica.is_current):
        await to_thread.run_sync(replica.refresh, began, limiter=service.lookers)


async def adopt_local(service: Services) -> None:
    """Know what other processes of this data folder wrote; costs a small file's reading, if they did not."""
    replica = service.rollouts.replica
    if not replica.is_current:
        await to_thread.run_sync(replica.adopt_local, limiter=service.lookers)


async def find(service: Services, token: Token, ask: Callable[[], Found]) -> Found:
    """Ask in a thread, and for a release manager ask once more after a look at the repository.

    Only who may change rollouts is served so: an app that asks for a wrong name, again and again, must not
    make the registry ask the repository's host as often.
    """

    async def read() -> Found:
        return await to_thread.run_sync(ask)

    return await retry(service, read) if Role[token.role] >= Role.releaser else await read()


async def retry(service: Services, ask: Callable[[], Awaitable[Found]]) -> Found:
    """Ask; if the prompt or version is unknown, look at the repository and ask once more.

    Who waits for the look holds no thread: a host that hangs must delay nobody else.
    """
    try:
        return await ask()
    except NotFound as error:
        if error.code not in LATE:
            raise
    async with service.bounds.rest():
        await asyncio.wait([asyncio.wrap_future(service.sync.sync_now())], timeout=LOOK_SECONDS)
    return await ask()
