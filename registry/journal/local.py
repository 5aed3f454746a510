"""A local journal: no other machine writes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.journal.fast_import import BRANCH
from registry.journal.journal import Journal
from registry.system import failpoints

if TYPE_CHECKING:
    from registry.journal.reader import Entry
    from registry.rollouts.position import Position


class LocalJournal(Journal):
    """The journal of one data folder, which the processes on this machine share."""

    sure = True
    notified = True
    _ref = BRANCH

    def is_due(self, announced: Position | None, *, alone: bool, wanted: bool = False) -> bool:  # noqa: ARG002 - nothing is elsewhere
        """Return False: there is nothing to refresh from."""
        return False

    def refresh(self, lock: int, *, sure: bool = True) -> None:
        """Do nothing: the local journal is complete."""

    def join(self, lock: int) -> bool:  # noqa: ARG002 - nothing is elsewhere
        """Return False: there is no other journal to take over."""
        return False

    def _publish(self, lock: int, parent: str | None) -> Entry:  # noqa: ARG002 - the branch has it
        failpoints.reach(failpoints.COMMITTED)
        self._sync()
        failpoints.reach(failpoints.SYNCED)
        return self._reader.entry(BRANCH)
