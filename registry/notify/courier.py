"""Deliver what waits for one target, in a thread of its own, so that a slow receiver holds up no other."""

from __future__ import annotations

import logging
import time
from threading import Event, Thread
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.notify import queue, schedule
from registry.notify.sender import Letter, NotSent, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.notify.queue import Waiting
    from registry.outcomes.store.database import Database
    from registry.policies.targets import Target

POLL_SECONDS = 1.0
logger = logging.getLogger(__name__)


class Courier:
    """Sends the messages of a target while this process leads.

    Args:
        name: the target's name.
        target: where it is.
        database: that of outcomes.
        leads: whether this process is to send.
    """

    def __init__(self, name: str, target: Target, database: Database, leads: Callable[[], bool]) -> None:
        self._name = name
        self._target = target
        self._database = database
        self._leads = leads
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=f"promptstage-notify-{name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more; a message under way may still arrive."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            try:
                while self._leads() and not self._stopped.is_set() and self.deliver(time.time()):
                    pass
            except RegistryError:
                continue  # the database does not answer, as others report
            except Exception:
                logger.exception("Notifying %s failed; it is tried again", self._name)

    def deliver(self, now: float) -> bool:
        """Send the next message that is due; return whether there was one. Raises Unavailable."""
        waiting = self._database.read(lambda connection: queue.next_due(connection, self._name, now))
        if waiting is None:
            return False
        try:
            send(self._target, Letter(waiting.message.id, waiting.message.body))
        except NotSent as error:
            self._failed(waiting, error, now)
        else:
            self._database.write(lambda connection: queue.taken(connection, self._name, waiting, now))
        return True

    def _failed(self, waiting: Waiting, error: NotSent, now: float) -> None:
        """Try it again later, or not if that was tried for a day."""
        tries, since = waiting.pending.tries + 1, waiting.pending.failing_since or now
        if schedule.is_lost(since, now):
            logger.error(
                "The notification %s for %s is lost, after a day: %s", waiting.message.id, self._name, error
            )
            self._database.write(lambda connection: queue.lost(connection, self._name, waiting, now))
            return
        if tries == 1:
            logger.warning(
                "The notification %s for %s was not taken: %s; it is tried for a day",
                *(waiting.message.id, self._name, error),
            )
        due = now + schedule.pause(tries, error.wait)
        self._database.write(lambda connection: queue.failed(connection, waiting, str(error), due, now))
