"""Queue events that others notice, once each by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.notify import post, queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from registry.notify.event import Event
    from registry.notify.post import Targets
    from registry.outcomes.store.database import Connection, Database


class EventWatch:
    """Asks for what there is to tell; what was told before is not told again, whoever notices it.

    Args:
        targets: of the operator's file.
        events: returns them, for as long as they hold.
    """

    every = 10.0  # seconds

    def __init__(self, targets: Targets, events: Callable[[], Iterable[Event]]) -> None:
        self._targets = targets
        self._events = events

    def look(self, database: Database, now: datetime) -> None:
        """Queue what is new. Raises Unavailable."""
        if found := list(self._events()):
            database.write(lambda connection: self._tell(connection, found, now.timestamp()))

    def _tell(self, connection: Connection, found: list[Event], now: float) -> None:
        told = queue.states(connection, "told:")
        new = [event for event in found if f"told:{event.id}" not in told]
        for event in new:
            post.put_for(connection, self._targets, (), event, now)
        queue.note(connection, {f"told:{event.id}": True for event in new}, now)
