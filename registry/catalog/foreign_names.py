"""Recognize tags of other things that look like versions, such as ``api/v1.2.0`` of a Go module.

A name is a prompt's if one of its tags, or the newest commit, has its file. A version without the file is
then an author's mistake, and told; before, it may be a tag of something else, and nothing is said of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry.catalog.version import Version


class ForeignNames:
    """The names known so far; hold the catalog's lock to note one."""

    def __init__(self) -> None:
        self._prompts: set[str] = set()
        self._absent: dict[str, dict[str, Version]] = {}  # of names that may be no prompts'

    def note(self, found: Version) -> list[Version]:
        """Note what a version turned out to be; returns those without a file that are mistakes now."""
        if found.name in self._prompts:
            return [found] if found.absent else []
        if not found.absent:
            return self.admit(found.name)
        self._absent.setdefault(found.name, {})[found.version] = found
        return []

    def admit(self, name: str) -> list[Version]:
        """Let a name be a prompt's from now on; returns its versions without a file."""
        self._prompts.add(name)
        return list(self._absent.pop(name, {}).values())

    def has(self, name: str, versions: Mapping[str, str]) -> bool:
        """Whether none of these versions of a name has its file."""
        absent = self._absent.get(name, {})
        return bool(absent) and all(version in absent for version in versions)

    def among(self, index: Mapping[str, Mapping[str, str]]) -> list[str]:
        """The names of an index that are no prompts'."""
        suspects: Iterable[str] = self._absent.copy()
        return [name for name in suspects if name in index and self.has(name, index[name])]
