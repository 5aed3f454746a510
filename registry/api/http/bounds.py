"""Bound the share of a process that one token may use, so that no caller stops the others.

A token's requests take turns in lanes: reads, changes and streams do not wait for each other. Of each only a
few are at work at once; the others wait in order. A read waits and works no longer than a deadline, and stops
when its caller hangs up or the registry does.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from enum import Enum
from typing import TYPE_CHECKING

from anyio import CapacityLimiter

from registry.errors import Unavailable
from registry.system.work import STOPPING, Work, current

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from registry.access.tokens import Token

WORK = "promptstage.work"  # in a scope: what its connection ends when the caller hangs up
AT_WORK = 2  # of a lane: two tokens can take all threads, one cannot
READ_THREADS = 4  # in a process: they share one core, and each more makes a change wait for it longer
READ_SECONDS = 5.0  # of a read, its turn included; who waits for an answer gives up soon after
BODY_BYTES = 32 << 20  # of all bodies of a token that are here at once; the usual one has a hundred


class Lane(Enum):
    """A lane of requests that take turns."""

    READ = "read"
    CHANGE = "change"
    STREAM = "stream"  # a fleet that comes back waits in its own line, for as long as that takes

    def work(self) -> Work:
        """The work that a request of this lane may do: a change that began is not broken off."""
        return Work(READ_SECONDS if self is Lane.READ else None)


class Bounds:
    """The turns of all tokens; used on the event loop."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, Lane], CapacityLimiter] = {}  # by a token's id
        self._turns: dict[Work, CapacityLimiter] = {}  # who has one
        self._bodies: Counter[str] = Counter()  # bytes, by a token's id
        self._closed = False

    def close(self) -> None:
        """End what can be asked again, and begin nothing more: the process is going."""
        self._closed = True
        for work in self._turns:
            work.end(STOPPING)

    @asynccontextmanager
    async def turn(self, token: Token, lane: Lane, work: Work) -> AsyncIterator[None]:
        """Wait for a turn, and have it. Raises Unavailable (`busy`, `deadline`, `stopped`)."""
        place = token.id, lane
        limiter = self._lanes.setdefault(place, CapacityLimiter(AT_WORK))
        try:
            async with asyncio.timeout(work.left):
                await limiter.acquire_on_behalf_of(work)
        except TimeoutError:
            raise _busy() from None
        self._turns[work] = limiter
        before = current.set(work)
        try:
            if self._closed:
                work.end(STOPPING)
            work.check()  # whose caller has gone while it waited costs nothing more
            yield
        finally:
            current.reset(before)
            if self._turns.pop(work, None):
                limiter.release_on_behalf_of(work)
            if not limiter.borrowed_tokens and not limiter.statistics().tasks_waiting:
                self._lanes.pop(place, None)

    @asynccontextmanager
    async def rest(self) -> AsyncIterator[None]:
        """Let others of the lane have the turn while this one waits for something slow elsewhere."""
        work = current.get()
        limiter = self._turns.pop(work, None) if work else None
        if work is None or limiter is None:
            yield
            return
        limiter.release_on_behalf_of(work)
        begun = time.monotonic()
        yield
        await limiter.acquire_on_behalf_of(work)
        work.extend(time.monotonic() - begun)
        self._turns[work] = limiter
        work.check()

    @contextmanager
    def body(self, token: Token, size: int) -> Iterator[None]:
        """Have room for a body. Raises Unavailable (`busy`)."""
        if self._bodies[token.id] + size > BODY_BYTES:
            raise Unavailable(
                f"{BODY_BYTES >> 20} MiB of this token's bodies are here already; send fewer at once",
                code="busy",
            )
        self._bodies[token.id] += size
        try:
            yield
        finally:
            self._bodies[token.id] -= size


def _busy() -> Unavailable:
    return Unavailable(
        f"this token has {AT_WORK} requests at work, and too many that wait; send fewer at once", code="busy"
    )
