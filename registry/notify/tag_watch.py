"""Queue the tags that make a version which cannot be served, once each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.doctor import checks
from registry.notify import event, post, queue
from registry.policies.events import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from registry.catalog.version import Version
    from registry.notify.post import Targets
    from registry.outcomes.store.database import Connection, Database

    Invalid = Mapping[tuple[str, str], str]

KIND = "tag.invalid"
BEGUN = "tags"  # noted when the versions that were invalid before are
MAX_PROBLEM = 300  # characters


class TagWatch:
    """Notices new invalid versions; those that were there at the first look are not told.

    Args:
        targets: of the operator's file.
        invalid: the names and versions that cannot be served, and why; None while some are not read yet.
    """

    every = 60.0  # seconds

    def __init__(self, targets: Targets, invalid: Callable[[], Invalid | None]) -> None:
        self._targets = {name: each for name, each in targets.items() if chosen(KIND, each.events)}
        self._invalid = invalid

    def look(self, database: Database, now: datetime) -> None:
        """Queue what is new. Raises Unavailable."""
        found = self._invalid() if self._targets else None
        if found is not None:
            database.write(lambda connection: self._tell(connection, found, now))

    def _tell(self, connection: Connection, found: Invalid, now: datetime) -> None:
        begun = queue.state(connection, BEGUN) is not None
        noted = queue.states(connection, "tag:")
        new = {tag: why for tag, why in found.items() if _name(tag) not in noted}
        for (name, version), why in new.items() if begun else ():
            made = event.of_tag(name, version, why[:MAX_PROBLEM], now)
            post.put_for(connection, self._targets, (), made, now.timestamp())
        if new or not begun:
            queue.note(connection, {BEGUN: True, **dict.fromkeys(map(_name, new), True)}, now.timestamp())


def problems(versions: Iterable[Version] | None) -> Invalid | None:
    """Return what is wrong with versions that cannot be served; None of None."""
    if versions is None:
        return None
    return {(each.name, each.version): checks.problem(each.problem) for each in versions}


def _name(tag: tuple[str, str]) -> str:
    return f"tag:{tag[0]}/v{tag[1]}"
