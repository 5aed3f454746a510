"""Events that others notice are queued once each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from notify.story import AT
from notify.test_journal_watch import queued

from registry.notify.event import Event
from registry.notify.event_watch import EventWatch
from registry.policies.targets import Target

if TYPE_CHECKING:
    from registry.outcomes.store.database import Database

GUARD = Target(url_file=Path("x"), format="json", events=("guard.*",))
OTHER = Target(url_file=Path("y"), format="json", events=("rollout.*",))


def test_each_is_told_once(database: Database) -> None:
    """However long it holds, and whichever registry notices it."""
    found: list[Event] = []
    for name in ("waiting_1", "waiting_1", "waiting_2"):
        found.append(Event(name, "guard.waiting", AT, name, {}))
        for _ in range(2):
            EventWatch({"guard": GUARD, "other": OTHER}, lambda: found).look(database, AT)

    assert queued(database, "guard") == ["waiting_1", "waiting_2"]
    assert queued(database, "other") == []
