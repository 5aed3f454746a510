"""Queue that calls wait for review, once a day for each environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.notify import event, post, queue
from registry.outcomes.store import queue as reviews
from registry.policies.events import chosen

if TYPE_CHECKING:
    from datetime import datetime

    from registry.notify.post import Targets
    from registry.outcomes.store.database import Connection, Database

KIND = "review.waiting"
NOTED = "review:"


class ReviewWatch:
    """Notices that calls wait for people.

    Args:
        targets: of the operator's file.
    """

    every = 60.0  # seconds

    def __init__(self, targets: Targets) -> None:
        self._targets = {name: each for name, each in targets.items() if chosen(KIND, each.events)}

    def look(self, database: Database, now: datetime) -> None:
        """Queue what is new. Raises Unavailable."""
        if not self._targets:
            return
        if database.read(reviews.waiting):
            database.write(lambda connection: self._tell(connection, now))

    def _tell(self, connection: Connection, now: datetime) -> None:
        today = f"{now:%Y%m%d}"
        for waiting in reviews.waiting(connection):
            noted = f"{NOTED}{waiting.environment}"
            if queue.state(connection, noted) == today:
                continue
            made = event.of_review(waiting, now)
            post.put_for(connection, self._targets, (), made, now.timestamp())
            queue.note(connection, {noted: today}, now.timestamp())
