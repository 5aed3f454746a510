"""Run the notifications: one registry at a time watches and sends, whichever holds the lease."""

from __future__ import annotations

import logging
import os
import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol

from registry.errors import RegistryError
from registry.notify.courier import Courier
from registry.outcomes.store.fold import NOTIFY_LEASE, hold_lease
from registry.system import timestamps
from registry.system.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from registry.notify.post import Targets
    from registry.outcomes.store.database import Connection, Database

POLL_SECONDS = 1.0
LEASE_SECONDS = 15.0  # after which another registry goes on
RENEW_SECONDS = 5.0  # between renewals, each of which is a write, and between tries of others
STOP_SECONDS = 2.0
MS = 1000
logger = logging.getLogger(__name__)


class Watch(Protocol):
    """Something that notices what is to be told, and queues it.

    Attributes:
        every: seconds between looks.
    """

    every: float

    def look(self, database: Database, now: datetime) -> None:
        """Queue what is new. Raises Unavailable."""


class Notifier:
    """Watches and sends while it leads; any number of processes may have one.

    Args:
        opened: returns the database of outcomes; raises Unavailable while there is none.
        targets: of the operator's file.
        watches: what notices things.
    """

    def __init__(self, opened: Callable[[], Database], targets: Targets, watches: Sequence[Watch]) -> None:
        self._opened = opened
        self._targets = targets
        self._due = dict.fromkeys(watches, 0.0)  # by time.monotonic
        self._holder = f"{os.uname().nodename}:{os.getpid()}"
        self._leads_until = 0.0
        self._next_try = 0.0  # to lead
        self._couriers: list[Courier] = []
        self._trouble = Trouble(
            logger=logger,
            fails="Nobody is notified now",
            works="Notifications are sent again",
            event="notify",
        )
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="promptstage-notify", daemon=True)

    def start(self) -> None:
        """Start the threads, if there is anybody to tell."""
        if self._targets:
            self._thread.start()

    def stop(self) -> None:
        """Send nothing more, and let another registry go on at once."""
        self._stopped.set()
        for courier in self._couriers:
            courier.stop()
        if self._targets:
            self._thread.join(STOP_SECONDS)

    def leads(self) -> bool:
        """Return whether this process is the one that sends."""
        return time.monotonic() < self._leads_until

    def _run(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            try:
                has_asked = self._round()
            except RegistryError as error:
                self._trouble.begins(error.message)
            except Exception:
                logger.exception("Watching for what is to be told failed; it is tried again")
            else:
                if has_asked:
                    self._trouble.is_over()
        if self.leads():
            self._leads_until = 0.0
            self._resign()

    def _round(self) -> bool:
        """Look and send, where this process leads; return whether the database was asked."""
        database = self._opened()
        has_asked = time.monotonic() >= self._next_try
        if not self._lead(database):
            return has_asked
        if not self._couriers:
            self._couriers = [
                Courier(name, self._targets[name], database, self.leads) for name in self._targets
            ]
            for courier in self._couriers:
                courier.start()
        for watch, due in self._due.items():
            if time.monotonic() >= due:
                watch.look(database, timestamps.now())
                self._due[watch] = time.monotonic() + watch.every
        return has_asked

    def _lead(self, database: Database) -> bool:
        began = time.monotonic()
        if began < self._next_try:
            return self.leads()
        self._next_try = began + RENEW_SECONDS
        if database.write(lambda connection: lead(connection, self._holder, time.time())):
            self._leads_until = began + LEASE_SECONDS
        return self.leads()

    def _resign(self) -> None:
        try:
            self._opened().write(lambda connection: resign(connection, self._holder))
        except RegistryError:
            logger.debug("The lease of notifications ends by itself")


def lead(connection: Connection, holder: str, now: float) -> bool:
    """Take or renew the lease; return False if another process has it."""
    return hold_lease(connection, holder, int(now * MS), NOTIFY_LEASE, int(LEASE_SECONDS * MS))


def resign(connection: Connection, holder: str) -> None:
    """Give the lease up."""
    connection.execute("update lease set until = 0 where one = ? and holder = ?", (NOTIFY_LEASE, holder))
