"""Queue the changes of the journal for each target, from where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.notify import event, post, queue

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from registry.journal.change import Change
    from registry.notify.changes import Changes
    from registry.notify.post import Targets
    from registry.outcomes.store.database import Connection, Database
    from registry.rollouts.position import Position


class JournalWatch:
    """Follows the journal. A new target begins with what changes from then on."""

    every = 0.0  # seconds: a look compares two numbers

    def __init__(self, targets: Targets, changes: Changes) -> None:
        self._targets = targets
        self._changes = changes
        self._seen: Position | None = None  # all up to it is queued, by this process

    def look(self, database: Database, now: datetime) -> None:
        """Queue all changes that are new. Raises Unavailable."""
        head = self._changes.head()
        if head == self._seen:
            return
        known = database.read(queue.cursors)
        new, gone = self._targets.keys() - known.keys(), known.keys() - self._targets.keys()
        if new or gone:
            database.write(lambda connection: _join(connection, new, gone, head))
        for name in self._targets:
            position = known.get(name, head)
            while found := self._changes.since(position):
                position = self._queue(database, name, found, now.timestamp())
        self._seen = head

    def _queue(
        self, database: Database, name: str, found: Sequence[tuple[str, Change]], now: float
    ) -> Position:
        """Queue changes for a target; return how far it is then."""
        position = found[-1][1].position

        def work(connection: Connection) -> None:
            events = (one for commit, change in found for one in event.all_of(change, commit))
            post.put(connection, self._targets, name, events, now)
            queue.set_cursor(connection, name, position)

        database.write(work)
        return position


def _join(connection: Connection, new: set[str], gone: set[str], head: Position) -> None:
    for name in new:
        queue.set_cursor(connection, name, head)
    queue.forget(connection, gone)
