"""Foreign names: tags of other things look like a prompt's, such as ``api/v1.2.0`` of a Go module.

A name is a prompt's if one of its tags, or the newest commit, has its file. From then on a version without
the file is an author's mistake, and is reported; until then it may be a tag of something else, and is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry.catalog.version import Version


class ForeignNames:
    """What is known of the names so far; hold the catalog's lock to note something."""

    def __init__(self) -> None:
        self._prompts: set[str] = set()
        self._absent: dict[str, dict[str, Version]] = {}  # of names that may be foreign

    def note(self, found: Version) -> list[Version]:
        """Note a version that was read; return the versions without a file that are mistakes now."""
        if found.name in self._prompts:
            return [found] if found.absent else []
        if not found.absent:
            return self.admit(found.name)
        self._absent.setdefault(found.name, {})[found.version] = found
        return []

    def admit(self, name: str) -> list[Version]:
        """Treat a name as a prompt's from now on; return its versions without a file."""
        self._prompts.add(name)
        return list(self._absent.pop(name, {}).values())

    def has(self, name: str, versions: Mapping[str, str]) -> bool:
        """Return whether none of these versions of a name has its file."""
        absent = self._absent.get(name, {})
        return bool(absent) and all(version in absent for version in versions)

    def among(self, index: Mapping[str, Mapping[str, str]]) -> list[str]:
        """Return the foreign names of an index."""
        suspects: Iterable[str] = self._absent.copy()
        return [name for name in suspects if name in index and self.has(name, index[name])]
