"""What the repository has of the prompts that are imported, and what of it is in the way. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from registry.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from registry.catalog.parsing.repository_settings import RepositorySettings

ELSEWHERE = "import it under another name: --prefix imported"


class Held(NamedTuple):
    """The files of a prompt. `path` is from the top of the repository; no cases: there is no such file."""

    path: str
    content: bytes
    cases: bytes = b""


class Before(NamedTuple):
    """What earlier imports in the same format brought of one prompt.

    Attributes:
        numbers: the source's versions.
        last: the files as the last of them left them; None if git has lost them.
    """

    numbers: frozenset[str]
    last: Held | None


@dataclass(frozen=True, slots=True)
class Here:
    """What the repository has.

    Attributes:
        format: the one that is imported.
        folder: what the paths of new prompts begin with.
        settings: those of HEAD.
        tags: all of them, as bytes after ``refs/tags/``.
        versions: those that are tagged, by prompt.
        held: the files in HEAD, by prompt.
        before: by prompt.
    """

    format: str
    folder: str
    settings: RepositorySettings
    tags: Collection[bytes] = frozenset()
    versions: Mapping[str, Collection[str]] = field(default_factory=dict)
    held: Mapping[str, Held] = field(default_factory=dict)
    before: Mapping[str, Before] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """Return where the file of a prompt is, or goes."""
        return self.held[name].path if name in self.held else f"{self.folder}{naming.file_names(name)[0]}"

    def obstacle(self, name: str) -> str:
        """Say why new versions of a prompt cannot be written without losing something; empty if they can."""
        before, held = self.before.get(name), self.held.get(name)
        if self.settings.prompt_at(self.path(name)) is None:
            return f"{self.path(name)} is no prompt by promptstage.toml; change exclude there"
        if before is None:
            return self._obstacle_to_new(name, held)
        if held is None:
            return f"{self.path(name)} was removed here after it was imported; {ELSEWHERE}"
        if held != before.last:
            return f"{held.path} was changed here after it was imported; {ELSEWHERE}"
        return ""

    def _obstacle_to_new(self, name: str, held: Held | None) -> str:
        if held:
            return f"{held.path} is here already, and is not from {self.format}; {ELSEWHERE}"
        if self.versions.get(name):
            return f"{name} has tags of versions here that are not from {self.format}; {ELSEWHERE}"
        parts = name.split("/")
        above = (
            "/".join(parts[:end]) for end in range(1, len(parts) + 1)
        )  # to git, tags are files and folders
        if tag := next((tag for tag in above if tag.encode() in self.tags), None):
            remedy = f"git tag {tag}-old {tag} && git tag --delete {tag}"
            return f"the tag {tag} is in the way of its versions; rename it: {remedy}"
        return ""
