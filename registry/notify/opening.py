"""Put a registry's notifications together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.notify.changes import Changes
from registry.notify.event_watch import EventWatch
from registry.notify.journal_watch import JournalWatch
from registry.notify.notifier import Notifier
from registry.notify.review_watch import ReviewWatch
from registry.notify.tag_watch import TagWatch, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry.catalog.catalog import Catalog
    from registry.journal.journal import Journal
    from registry.notify.event import Event
    from registry.notify.post import Targets
    from registry.notify.spending_watch import SpendingWatch
    from registry.outcomes.store.database import Database
    from registry.replication.replica import Replica


def open_notifier(  # noqa: PLR0913 - what there is to watch, by keyword
    opened: Callable[[], Database],
    targets: Targets,
    *,
    spending: SpendingWatch,
    replica: Replica,
    journal: Journal,
    catalog: Catalog,
    guarded: Callable[[], Iterable[Event]],
) -> Notifier:
    """Return what watches and sends; nothing is started.

    Args:
        opened: returns the database of outcomes; raises Unavailable while there is none.
        targets: of the operator's file.
        spending: the budgets and alerts.
        replica: what changed.
        journal: reads it.
        catalog: the tags.
        guarded: what is to be told of guarded rollouts.
    """
    watches = (
        JournalWatch(targets, Changes(lambda: replica.commits, journal.changes)),
        spending,
        TagWatch(targets, lambda: problems(catalog.invalid())),
        EventWatch(targets, guarded),
        ReviewWatch(targets),
    )
    return Notifier(opened, targets, watches)
