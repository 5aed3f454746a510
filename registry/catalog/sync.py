"""Sync the catalog with the prompt repository: one thread per process, one process at a time."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.catalog.catalog import Catalog

LOCAL_SECONDS = 1.0  # between syncs with a path: some 10 ms of one core
REMOTE_SECONDS = 30.0  # between syncs with a URL: what repository hosts tolerate
JITTER = 0.1  # of the pause, so that registries started together do not sync together
DOUBLINGS = 6  # of the pause after failures; from 1 s that is a minute
BACKOFF_SECONDS = 60.0  # the longest pause after failures, unless polling is slower anyway
FOLLOW_SECONDS = 1.0  # the delay to adopt another process's fetch, or to retry while it is busy
SETTLE_SECONDS = 0.2  # of validation at a time, before checking for more urgent work
SETTLED = 100  # versions validated together, which takes some 50 ms
STOP_SECONDS = 5.0  # for a killed git to end

logger = logging.getLogger(__name__)


class Sync:
    """Keeps the catalog fresh, and validates unread versions in the background.

    Several processes may share a data folder: each polls, but only if no other one has just done so, and all
    of them see what one has fetched.

    Attributes:
        first_sync: set when the first sync is over, successful or not.
    """

    def __init__(
        self,
        catalog: Catalog,
        poll_seconds: float | None = None,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepare; no thread is started yet.

        Args:
            catalog: the catalog to keep fresh.
            poll_seconds: between syncs; None: 1 for a path, 30 for a URL.
            on_change: called in the thread when the existing versions have changed.
        """
        self.first_sync = Event()
        self._catalog = catalog
        self._mirror = catalog.mirror
        self._poll = poll_seconds or (LOCAL_SECONDS if self._mirror.local else REMOTE_SECONDS)
        self._on_change = on_change
        self._wake = Event()
        self._hints: deque[Future[None]] = deque()  # of the callers that wait for a sync
        self._stopped = Event()
        self._failures = 0
        self._complaint = ""  # the last error logged
        self._adopted: object = self  # no revision equals it
        self._unread: deque[tuple[str, str]] = deque()
        self._thread = Thread(target=self._run, name="promptstage-sync", daemon=True)

    def start(self) -> None:
        """Start the thread; it syncs at once if the last sync failed, as the cause may be repaired."""
        if self._mirror.report()["error"]:
            self.sync_now()
        self._thread.start()

    def end(self) -> None:
        """Start no more syncs, and release those waiting for one; returns at once."""
        self._stopped.set()
        self._wake.set()
        self._answer(len(self._hints))

    def stop(self) -> None:
        """End the thread, and a running fetch with it."""
        self.end()
        self._mirror.close()
        self._thread.join(STOP_SECONDS)
        self._mirror.close()  # closes what the thread had in use

    def sync_now(self) -> Future[None]:
        """Request a sync, as there may be something new; returns at once.

        Returns:
            A future that is done when a sync started after this call is over, and the catalog has its result.
        """
        over: Future[None] = Future()
        self._hints.append(over)
        self._wake.set()
        if self._stopped.is_set():
            self._answer(len(self._hints))
        return over

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            asked = len(self._hints)  # later requests get another sync
            try:
                synced = self._sync_if_due(wanted=asked > 0)
                self._follow()
                if synced:
                    self._answer(asked)
                    asked = 0
                if self._mirror.was_synced():  # if not, another process syncs just now
                    self.first_sync.set()
                self._settle_some()
            except Exception:  # any error: the next round may succeed
                logger.exception("the catalog could not be brought up to date; it stays as it is")
                self.first_sync.set()
                self._answer(asked)
            if not self._unread:
                self._wake.wait(min(self._poll, FOLLOW_SECONDS))

    def _answer(self, count: int) -> None:
        """Release those who have waited longest: a sync is over."""
        with suppress(IndexError):  # at the end two threads may release them
            for _ in range(count):
                over = self._hints.popleft()
                if over.set_running_or_notify_cancel():
                    over.set_result(None)

    def _sync_if_due(self, *, wanted: bool) -> bool:
        """Sync if it is due or requested; return whether a sync is over, successful or not."""
        wanted = wanted or (self._mirror.wants and not self._failures)
        if not wanted and self._mirror.age() < self._pause():
            return False
        if self._mirror.is_held_off():  # a request does not lift the host's Retry-After
            return wanted
        try:
            self._mirror.sync(self._follow)
            if self._complaint:
                logger.info("the prompt repository can be read again", extra={"event": "sync.mended"})
            self._failures, self._complaint = 0, ""
        except RegistryError as error:
            if error.code == "busy":  # the other process may have started before the change
                return False
            if error.message != self._complaint:  # once per kind of failure, not at every sync
                logger.warning(
                    "the prompt repository cannot be read: %s", error.message, extra={"event": "sync.failed"}
                )
            self._failures, self._complaint = self._failures + 1, error.message
        return True

    def _pause(self) -> float:
        longest = max(self._poll, BACKOFF_SECONDS)
        pause: float = min(self._poll * 2 ** min(self._failures, DOUBLINGS), longest)
        return pause if self._mirror.local else pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311

    def _follow(self) -> None:
        """Adopt the mirror's tags if they have changed, whichever process fetched them."""
        revision = self._mirror.revision()
        if revision == self._adopted:
            return
        changed = self._catalog.adopt()
        self._adopted = revision
        if changed:
            self._on_change()
        self._unread = deque(self._catalog.unread())

    def _settle_some(self) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._unread and time.monotonic() < deadline and not self._wake.is_set():
            self._catalog.settle([self._unread.popleft() for _ in range(min(SETTLED, len(self._unread)))])
