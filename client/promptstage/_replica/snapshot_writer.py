"""Write releases to snapshots in background threads."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from promptstage import limits
from promptstage.clock import uptime

if TYPE_CHECKING:
    from promptstage._replica.release_store import ReleaseStore
    from promptstage._replica.snapshot import Snapshots


class SnapshotWriter:
    """The queue of snapshots to write, and the time at which the files were last touched.

    Args:
        snapshots: where it goes.
        holdings: what is held, whose age the files should have.
    """

    def __init__(self, snapshots: Snapshots, holdings: ReleaseStore) -> None:
        self._snapshots = snapshots
        self._holdings = holdings
        self._unsaved: deque[tuple[str, str, bytes]] = deque()
        self._touched = uptime()

    def add(self, name: str, data: bytes, version: str = "") -> None:
        """Have a release written, or one version."""
        self._unsaved.append((name, version, data))

    def save(self) -> None:
        """Write what is to be written."""
        while self._unsaved:
            try:
                name, version, data = self._unsaved.popleft()
            except IndexError:  # another thread took the last one
                return
            if version:
                self._snapshots.save_version(name, version, data)
            else:
                self._snapshots.save_release(name, data)
        if uptime() - self._touched > limits.TOUCH_EVERY:
            self.touch()

    def touch(self) -> None:
        """Give the files the age of what is held, so that it is true after a restart."""
        self._touched = uptime()
        for name, held in tuple(self._holdings.by_name.items()):
            if held.source == "live":
                self._snapshots.touch(name, held.freshness.age)
