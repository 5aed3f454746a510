"""Bound what one token may use of a process, so that the others are always served at once.

A token's requests queue in lanes: reads, changes, reports and streams do not wait for each other. In each
lane only a few run at once; the others wait in order. A read waits and runs no longer than a deadline, and
stops when its caller disconnects or the registry stops.
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

WORK = "promptstage.work"  # in a scope: the work that its connection ends when the caller disconnects
AT_WORK = 2  # per lane: two tokens can take all threads, one cannot
READ_THREADS = 4  # per process: they share one core, and each more delays changes further
READ_SECONDS = 5.0  # of a read, its turn included; callers give up soon after
BODY_BYTES = 32 << 20  # of all bodies of a token at once; the usual one has a hundred


class Lane(Enum):
    """The lanes of a token's requests."""

    READ = "read"
    CHANGE = "change"
    INTAKE = "intake"  # reports must not wait for reads, nor keep them waiting
    STREAM = "stream"  # a reconnecting fleet waits in its own lane, without a deadline

    def work(self) -> Work:
        """Return the work of a request in this lane: a change that has started is not interrupted."""
        return Work(READ_SECONDS if self in {Lane.READ, Lane.INTAKE} else None)


class Bounds:
    """The lanes of all tokens; used on the event loop."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, Lane], CapacityLimiter] = {}  # by a token's id
        self._turns: dict[Work, CapacityLimiter] = {}  # work with a turn
        self._bodies: Counter[str] = Counter()  # bytes, by a token's id
        self._closed = False

    def close(self) -> None:
        """End requests that can be repeated, and start no more: the process stops."""
        self._closed = True
        for work in self._turns:
            work.end(STOPPING)

    @asynccontextmanager
    async def turn(self, token: Token, lane: Lane, work: Work) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises Unavailable (`busy`, `deadline`, `stopped`)."""
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
            work.check()  # skips work whose caller disconnected while it waited
            yield
        finally:
            current.reset(before)
            if self._turns.pop(work, None):
                limiter.release_on_behalf_of(work)
            if not limiter.borrowed_tokens and not limiter.statistics().tasks_waiting:
                self._lanes.pop(place, None)

    @asynccontextmanager
    async def rest(self) -> AsyncIterator[None]:
        """Yield the turn to others of the lane while waiting for something slow elsewhere."""
        work = current.get()
        limiter = self._turns.pop(work, None) if work else None
        if work is None or limiter is None:
            yield
            return
        limiter.release_on_behalf_of(work)
        started = time.monotonic()
        yield
        await limiter.acquire_on_behalf_of(work)
        work.extend(time.monotonic() - started)
        self._turns[work] = limiter
        work.check()

    @contextmanager
    def body(self, token: Token, size: int) -> Iterator[None]:
        """Reserve room for a body. Raises Unavailable (`busy`)."""
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
