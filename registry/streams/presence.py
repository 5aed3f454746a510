"""Share each process's counts of streams with the others through Redis."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from registry.errors import Unavailable
from registry.streams import counts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.replication.redis_store import RedisStore
    from registry.streams.counts import StreamCounts
    from registry.streams.hub import Hub

TELL_SECONDS = 2.0  # how often a process tells that it lives; the others give up on it after five
GATHER_SECONDS = 0.15  # a change that reaches a thousand streams is told in a few reports, not in a thousand
EFFORT = 20  # after a report, rest so many times as long as it took: large ones are told less often

logger = logging.getLogger(__name__)


class Presence:
    """The clients of this process and, as far as Redis can be asked, of all others."""

    def __init__(self, hub: Hub, redis_store: RedisStore) -> None:
        self._hub = hub
        self._redis_store = redis_store
        self._process = secrets.token_hex(8)
        self._told = False
        self._complete_at = 0.0  # when Redis has forgotten everybody, the others need a while to tell again

    async def run(self) -> None:
        """Tell the other processes of the streams of this one, until cancelled; then take it back."""
        try:
            while True:
                self._hub.changed.clear()
                await asyncio.sleep(await self._report())
                with suppress(TimeoutError):
                    async with asyncio.timeout(TELL_SECONDS):
                        await self._hub.changed.wait()
        finally:
            with suppress(Unavailable):
                await asyncio.to_thread(self._redis_store.remove_report, self._process)

    async def _report(self) -> float:
        """Tell once; how long to rest."""
        begun = time.monotonic()
        report = self._hub.stream_counts.copy()
        try:
            known = await asyncio.to_thread(
                lambda: self._redis_store.put_report(self._process, report.dump())
            )
        except Unavailable:
            self._complete_at = time.monotonic() + 2 * TELL_SECONDS
            return TELL_SECONDS
        ended = time.monotonic()
        if self._told and not known:
            self._complete_at = ended + TELL_SECONDS
        self._told = True
        return min(max(GATHER_SECONDS, EFFORT * (ended - begun)), TELL_SECONDS)

    async def all(self) -> tuple[list[StreamCounts], bool]:
        """One tally of each process, and whether every process is among them."""
        own = self._hub.stream_counts.copy()
        try:
            known, others = await asyncio.to_thread(self._reports)
        except Unavailable:
            return [own], False
        return [own, *others], known and time.monotonic() >= self._complete_at

    def _reports(self) -> tuple[bool, list[StreamCounts]]:
        """Whether this process is known to the others, and what they tell; in a thread, as it may be long."""
        reports = self._redis_store.reports()
        known = reports.pop(self._process, None) is not None
        return known, list(_loaded(reports.values()))


def _loaded(reports: Iterable[bytes]) -> Iterable[StreamCounts]:
    for report in reports:
        try:
            yield counts.load(report)
        except ValueError:
            logger.warning("another process reports its clients in an unknown format")
