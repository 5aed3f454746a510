"""Read the journal on from where a target is, so that no change is missed whatever restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.rollouts.position import NOWHERE, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.journal.change import Change

BATCH = 200  # changes read at a time


class Changes:
    """The changes of a journal that this process knows.

    Args:
        commits: the journal's commits, by seq.
        read: reads the changes of some of them, in their order.
    """

    def __init__(
        self, commits: Callable[[], Sequence[str]], read: Callable[[Sequence[str]], Iterator[Change]]
    ) -> None:
        self._commits = commits
        self._read = read
        self._head = ("", NOWHERE)  # the newest commit that was read, and its position

    def head(self) -> Position:
        """Return the position of the newest change. Raises Unavailable."""
        commits = self._commits()
        if not commits:
            return NOWHERE
        if self._head[0] != commits[-1]:
            (newest,) = self._read(commits[-1:])
            self._head = commits[-1], newest.position
        return self._head[1]

    def since(self, position: Position) -> list[tuple[str, Change]]:
        """Return the next changes after a position with their commits, the oldest first. Raises Unavailable.

        After a recovery, whose epoch is another, these are the changes since the recovery: those before it
        were seen, or are lost.
        """
        head = self.head()
        if position == head:
            return []
        first = position.seq + 1 if position.epoch == head.epoch else self._recovered(head)
        commits = list(self._commits()[first : first + BATCH])
        return list(zip(commits, self._read(commits), strict=True))

    def _recovered(self, head: Position) -> int:
        """Return the seq of the first change of the newest epoch."""
        commits = self._commits()
        for start in range(head.seq, -1, -BATCH):
            begin = max(0, start - BATCH + 1)
            changes = list(self._read(commits[begin : start + 1]))
            older = [change.seq for change in changes if change.epoch != head.epoch]
            if older:
                return older[-1] + 1
        return 0
