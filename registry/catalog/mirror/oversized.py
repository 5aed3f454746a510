"""Contents too large to be prompts: their ids are stored, they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import GitFailed
from registry.system.files import write_durably

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.git.command import Git, GitObject, Wanted

KEPT = 10_000  # ids; a dropped one is only fetched, and refused, once more


class OversizedObjects:
    """The ids, in a file of the mirror; hold the mirror's lock to add one."""

    def __init__(self, file: Path) -> None:
        """Prepare; nothing is read yet."""
        self._file = file

    def ids(self) -> list[str]:
        """Return all of them, the newest last."""
        try:
            return self._file.read_text("ascii", "replace").split()
        except FileNotFoundError:
            return []

    def add(self, oid: str) -> None:
        """Add one. Raises OSError."""
        kept = "\n".join([*self.ids(), oid][-KEPT:])
        write_durably(self._file, kept.encode(), self._file.with_suffix(".new"))


class Objects:
    """The mirror's objects, for reading tags: an oversized one is reported as such, not as missing."""

    def __init__(self, git: Git, great: OversizedObjects) -> None:
        self._git = git
        self._great = great

    def read_object(self, expression: str, *, limit: int) -> GitObject | None:
        """Read one object, as `Git.read_object` does."""
        found = self._git.read_object(expression, limit=limit)
        if found is None and expression in self._great.ids():
            raise _too_great(expression)
        return found

    def read_objects(self, wanted: Sequence[Wanted]) -> list[GitObject | GitFailed | None]:
        """Read many objects, as `Git.read_objects` does."""
        found = self._git.read_objects(wanted)
        if None not in found:
            return found
        great = set(self._great.ids())
        return [
            _too_great(oid) if one is None and oid in great else one
            for (oid, _), one in zip(wanted, found, strict=True)
        ]


def _too_great(oid: str) -> GitFailed:
    return GitFailed(f"{oid} was too large to be fetched", code="git_too_large")
