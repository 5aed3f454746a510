"""Counts over all processes: each counts its own streams, and reports to the others through Redis."""

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

TELL_SECONDS = 2.0  # between reports of a process; the others drop it after five seconds
GATHER_SECONDS = 0.15  # a change that reaches a thousand streams takes a few reports, not a thousand
EFFORT = 20  # after a report, rest for so many times its duration: large ones are less frequent

logger = logging.getLogger(__name__)


class Presence:
    """The clients of this process and, if Redis answers, of all others."""

    def __init__(self, hub: Hub, redis_store: RedisStore) -> None:
        self._hub = hub
        self._redis_store = redis_store
        self._process = secrets.token_hex(8)
        self._told = False
        self._complete_at = 0.0  # after Redis lost all reports, the others need a while to send them again

    async def run(self) -> None:
        """Report the streams of this process to the others, until cancelled; then remove the report."""
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
        """Report once; return how long to rest."""
        started = time.monotonic()
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
        return min(max(GATHER_SECONDS, EFFORT * (ended - started)), TELL_SECONDS)

    async def all(self) -> tuple[list[StreamCounts], bool]:
        """Return the counts of each process, and whether every process is included."""
        own = self._hub.stream_counts.copy()
        try:
            known, others = await asyncio.to_thread(self._reports)
        except Unavailable:
            return [own], False
        return [own, *others], known and time.monotonic() >= self._complete_at

    def too_old(self, environment: str, prompt: str) -> int:
        """Count the streams that follow a prompt for clients that read only the first edition of documents.

        In a thread, as it asks Redis; without Redis, it counts those of this process.
        """
        place = environment, prompt
        own = self._hub.stream_counts.too_old[place]
        try:
            _, others = self._reports()
        except Unavailable:
            return own
        return own + sum(one.too_old[place] for one in others)

    def _reports(self) -> tuple[bool, list[StreamCounts]]:
        """Return whether this process was known already, and all reports; in a thread: they may be long."""
        reports = self._redis_store.reports()
        known = reports.pop(self._process, None) is not None
        return known, list(_loaded(reports.values()))


def _loaded(reports: Iterable[bytes]) -> Iterable[StreamCounts]:
    for report in reports:
        try:
            yield counts.load(report)
        except ValueError:
            logger.warning("another process reports its clients in an unknown format")
