"""A journal that is all there is: no other machine writes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.journal.fast_import import BRANCH
from registry.journal.journal import Journal
from registry.system import failpoints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.journal.change import Change
    from registry.journal.reader import Entry
    from registry.rollouts.position import Position


class LocalJournal(Journal):
    """The journal of one data folder, which the processes on this machine share."""

    sure = True
    told = True

    def is_due(self, news: Position | None, *, alone: bool, wanted: bool = False) -> bool:  # noqa: ARG002 - nothing is elsewhere
        """Return False: there is nothing to refresh from."""
        return False

    def refresh(self, lock: int, *, sure: bool = True) -> None:
        """Do nothing: what is here is all there is."""

    def join(self, lock: int) -> bool:  # noqa: ARG002 - nothing is elsewhere
        """Return False: there is no other journal to take over."""
        return False

    def write_all(
        self,
        lock: int,
        parent: str | None,
        changes: Sequence[tuple[Change, Mapping[str, bytes]]],
        *,
        timeout: float,
    ) -> Entry:
        """Commit changes, all or none of them. When this returns, they survive a power cut."""
        self._commit(lock, BRANCH, parent, changes, timeout)
        failpoints.reach(failpoints.COMMITTED)
        self._sync()
        failpoints.reach(failpoints.SYNCED)
        return self._reader.entry(BRANCH)
