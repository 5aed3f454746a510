"""The thread that keeps a registry up to date with others, and makes timed advances."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

from registry.control.timed_steps import TimedSteps
from registry.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.control.rollouts import Rollouts
    from registry.replication.redis_store import RedisStore

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5  # a lost hint is recovered, and a flushed Redis is complete again, well within a second
DOWN_SECONDS = 0.2  # without Redis there are no hints, and it must be complete soon after it is back


class Scheduler:
    """Waits for hints from the Redis store, and reads the journal at each hint and every half second."""

    def __init__(
        self, rollouts: Rollouts, redis_store: RedisStore, revive: Callable[[], object] = lambda: None
    ) -> None:
        """Prepare; `revive` is called when the Redis store is down, and raises nothing."""
        self._rollouts = rollouts
        self._timed = TimedSteps(rollouts)
        self._revive = revive
        self._redis_store = redis_store
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="promptstage-follower", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread at its next round; the Redis store is closed afterwards."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        due: float | None = 0.0
        while not self._stopped.is_set():
            self._wait(POLL_SECONDS if due is None else min(POLL_SECONDS, due))
            due = None
            try:
                self._rollouts.replica.reconcile()
                if self._timed.advance_due():  # if not, it is retried in the next round
                    due = self._timed.seconds_to_next()
            except Exception:  # the registry depends on this thread: it must survive any error
                logger.exception("following the journal failed; it is tried again")

    def _wait(self, seconds: float) -> None:
        try:
            self._redis_store.wait(seconds)
        except Unavailable:
            self._revive()
            self._stopped.wait(min(DOWN_SECONDS, seconds))
