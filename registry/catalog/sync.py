"""Schedule syncs of the repository: one thread per process, one process at a time."""

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

LOCAL_SECONDS = 1.0  # between looks at a path: some 10 ms of one core
REMOTE_SECONDS = 30.0  # between looks at a URL: what hosts of repositories put up with
JITTER = 0.1  # of it, so that registries started together do not ask together
DOUBLINGS = 6  # of the pause after failures; from 1 s that is a minute
BACKOFF_SECONDS = 60.0  # the longest pause after failures, unless polling is slower anyway
FOLLOW_SECONDS = 1.0  # how soon to see what another process fetched, or to try again where it is busy
SETTLE_SECONDS = 0.2  # of validation at a time, before it is looked whether there is something better to do
SETTLED = 100  # versions that are validated together, which takes some 50 ms
STOP_SECONDS = 5.0  # for git to end after it was killed

logger = logging.getLogger(__name__)


class Sync:
    """Keeps the catalog fresh, and validates in the background what nobody has read yet.

    Several processes share a data folder: each one polls, but only if no other one has just done so,
    and all of them see what one has fetched.

    Attributes:
        first_look: set when the first look is over, whether it went well or not.
    """

    def __init__(
        self,
        catalog: Catalog,
        poll_seconds: float | None = None,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        """Start nothing yet.

        Args:
            catalog: what is kept fresh.
            poll_seconds: between looks upstream; None: 1 for a path, 30 for a URL.
            on_change: called in the thread when the versions that exist have changed.
        """
        self.first_sync = Event()
        self._catalog = catalog
        self._mirror = catalog.mirror
        self._poll = poll_seconds or (LOCAL_SECONDS if self._mirror.local else REMOTE_SECONDS)
        self._on_change = on_change
        self._wake = Event()
        self._hints: deque[Future[None]] = deque()  # of those who wait for a look
        self._stopped = Event()
        self._failures = 0
        self._complaint = ""  # what was last logged
        self._adopted: object = self  # no revision equals it
        self._unread: deque[tuple[str, str]] = deque()
        self._thread = Thread(target=self._run, name="promptstage-sync", daemon=True)

    def start(self) -> None:
        """Start the thread; it looks at once if the last look failed: somebody may have mended that."""
        if self._mirror.report()["error"]:
            self.sync_now()
        self._thread.start()

    def end(self) -> None:
        """Begin no other look, and let go who waits for one; returns at once."""
        self._stopped.set()
        self._wake.set()
        self._answer(len(self._hints))

    def stop(self) -> None:
        """End the thread, and a fetch under way with it."""
        self.end()
        self._mirror.close()
        self._thread.join(STOP_SECONDS)
        self._mirror.close()  # what the thread had in use before

    def sync_now(self) -> Future[None]:
        """Take a hint that there may be something new; returns at once.

        Returns:
            What is done when a look that began after this is over, and the catalog has what it found.
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
            asked = len(self._hints)  # who asks later wants another look
            try:
                looked = self._look_if_due(wanted=asked > 0)
                self._follow()
                if looked:
                    self._answer(asked)
                    asked = 0
                if self._mirror.was_looked_at():  # if not, another process is at it just now
                    self.first_sync.set()
                self._settle_some()
            except Exception:  # whatever it is, the next round may do better
                logger.exception("the catalog could not be brought up to date; it stays as it is")
                self.first_sync.set()
                self._answer(asked)
            if not self._unread:
                self._wake.wait(min(self._poll, FOLLOW_SECONDS))

    def _answer(self, count: int) -> None:
        """Tell those who have waited longest that a look is over."""
        with suppress(IndexError):  # at the end two threads may tell them
            for _ in range(count):
                over = self._hints.popleft()
                if over.set_running_or_notify_cancel():
                    over.set_result(None)

    def _look_if_due(self, *, wanted: bool) -> bool:
        """Look if it is time, or somebody wants it; whether a look is over, well or not."""
        wanted = wanted or (self._mirror.wants and not self._failures)
        if not wanted and self._mirror.age() < self._pause():
            return False
        if self._mirror.is_held_off():  # a hint does not change what the host said
            return wanted
        try:
            self._mirror.sync(self._follow)
            if self._complaint:
                logger.info("the prompt repository can be read again", extra={"event": "sync.mended"})
            self._failures, self._complaint = 0, ""
        except RegistryError as error:
            if error.code == "busy":  # the other process may have begun before there was something to see
                return False
            if error.message != self._complaint:  # once for each kind of trouble, not at every look
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
        """Adopt the mirror's tags if they are others than before, whoever fetched them."""
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
