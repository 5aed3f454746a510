"""The prompts and versions that exist, and their content."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.diff import diff
from registry.catalog.foreign_names import ForeignNames
from registry.catalog.mirror.tag_info import TagInfo
from registry.catalog.status import count, overview
from registry.catalog.suggestions import similar
from registry.catalog.version import Version, invalid, unread, with_content, with_file
from registry.catalog.version_cache import VersionCache
from registry.errors import DocumentInvalid, GitFailed, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from promptstage.model import Json
    from registry.catalog.mirror.mirror import Mark, Mirror
    from registry.catalog.mirror.tag_reader import File

__all__ = ["Catalog", "Version"]

NAMED = 3  # versions that an error or a note lists; more do not help

logger = logging.getLogger(__name__)


class Catalog:
    """The versions that the mirror's tags define; any thread may use it.

    The index is built whole and swapped whole, so that every reader sees one moment.

    Attributes:
        mirror: the source of the tags.
    """

    def __init__(
        self, mirror: Mirror, staged: Callable[[str, str], bytes | None] = lambda _name, _version: None
    ) -> None:
        """Start empty; `adopt` fills it.

        Args:
            mirror: the source of the tags.
            staged: the bytes of a version that was staged, else None; they override the mirror.
        """
        self.mirror = mirror
        self._staged = staged
        self._index: dict[str, dict[str, str]] = {}  # name -> version -> id of the tag's object, newest first
        self._known: dict[tuple[str, str], Version] = {}  # summaries
        self._kept = VersionCache()
        self._foreign_names = ForeignNames()
        self._head = ""  # the newest commit searched for files of foreign names
        self._revision: object = None  # of the mirror that the index was built from
        self._mark: Mark | None = None  # up to where the index has read the mirror
        self._changes = 0
        self._lock = Lock()

    # Names and versions

    def adopt(self) -> bool:
        """Take over the mirror's tags; return whether anything changed. Raises GitFailed."""
        with self._lock:
            self._revision = self.mirror.revision()
            updates = self.mirror.updates(self._mark)
            before = {} if updates.complete else self._index
            added: dict[str, dict[str, str]] = {}
            for tag, oid in updates.tags:
                read = naming.split_tag(tag)
                if read and before.get(read.name, {}).get(read.version) != oid:
                    added.setdefault(read.name, {})[read.version] = oid
            index = before | {name: _sorted(before.get(name, {}) | added[name]) for name in added}
            if len(index) > len(before):
                index = {name: index[name] for name in sorted(index)}
            changed = index != self._index if updates.complete else bool(added)
            self._index, self._mark = index, updates.mark
            self._changes += changed
            mistakes = self._found_at_head()
        for version in mistakes:
            _log_invalid(version)
        return changed

    def _found_at_head(self) -> list[Version]:
        """Return the versions without a file whose names have one in the newest commit."""
        if self._head == self.mirror.head:
            return []
        self._head = self.mirror.head
        found = [name for name in self._foreign_names.among(self._index) if self.mirror.has_at_head(name)]
        return [version for name in found for version in self._foreign_names.admit(name)]

    @property
    def changes(self) -> int:
        """How often a version, or what is known of one, has changed in this process."""
        return self._changes

    def names(self) -> list[str]:
        """Return the prompts that have a version, sorted."""
        foreign = set(self._foreign_names.among(self._index))
        return [name for name in self._index if name not in foreign]

    def __contains__(self, name: str) -> bool:
        """Return whether a prompt has a version known to this process."""
        return name in self._index and not self._foreign_names.has(name, self._index[name])

    def has(self, name: str, version: str | None = None) -> bool:
        """Return whether a prompt, or a version of it, is known to this process; it takes no time."""
        return name in self and (version is None or version in self._index[name])

    def versions(self, name: str) -> list[str]:
        """Return the versions of a prompt, newest first. Raises NotFound (`unknown_prompt`)."""
        if name not in self._index:
            self._refresh()
        index = self._index
        if name not in index:
            raise _unknown_prompt(name, self.names())
        if self._foreign_names.has(name, index[name]):
            raise _foreign_name(self._known[name, next(iter(index[name]))])
        return list(index[name])

    def latest(self, name: str) -> str:
        """Return the highest release not known to be invalid, else the highest such pre-release.

        Raises:
            NotFound: there is no such prompt (`unknown_prompt`).
        """
        versions = self.versions(name)
        known = self._known
        bad = {version for version in versions if (v := known.get((name, version))) and v.status == "invalid"}
        return naming.latest(versions, bad) or versions[0]

    def statuses(self) -> dict[str, int]:
        """Count the valid, invalid and unread versions."""
        return count(self._all())

    def invalid(self) -> list[Version] | None:
        """Return the versions that cannot be served; None while some are not read yet."""
        known = list(self._all())
        if not all(version and version.status != "unread" for version in known):
            return None
        return [version for version in known if version and version.status == "invalid"]

    def status(self) -> Json:
        """Return the state of the catalog, as ``/v1/catalog`` shows it: the outcome of each pushed tag."""
        index = self._index
        others = [naming.tag_of(n, v) for n in self._foreign_names.among(index) for v in index[n]]
        found = overview(len(self.names()), list(self._all()), others, self.mirror.report())
        return {"repository": self.mirror.address, **found}

    def ignored(self) -> int:
        """Count the tags that define no version."""
        index = self._index
        others = sum(len(index[name]) for name in self._foreign_names.among(index))
        return int(self.mirror.report()["ignored"]["count"]) + others

    def _all(self) -> Iterator[Version | None]:
        """Yield what is known of each existing version; None if nothing is."""
        index, known = self._index, self._known
        return (known.get((name, version)) for name in self.names() for version in index.get(name, ()))

    # Content

    def read(self, name: str, version: str) -> Version:
        """Read a version in full, which determines its status.

        Args:
            name: the prompt.
            version: a version, or ``latest``.

        Raises:
            NotFound: there is no such prompt or version (`unknown_prompt`, `unknown_version`).
            GitFailed: the mirror is damaged.
        """
        if version == naming.LATEST:
            return self._read_latest(name)
        if not naming.is_version(version):
            raise _unknown_version(name, version, self.versions(name))
        if version not in self._index.get(name, ()):
            self._refresh()
        staged = self._staged(name, version)
        kept = self._kept.get((name, version))
        if kept and (staged is None or kept.content == staged):
            return kept
        found = self._settle(name, version, staged)
        if found.absent and self._foreign_names.has(name, self._index[name]):
            raise _foreign_name(found)
        self._kept.put((name, version), found)
        return found

    def _refresh(self) -> None:
        """Adopt what another process has fetched, before calling something unknown."""
        if self.mirror.revision() != self._revision:
            self.adopt()

    def unread(self) -> list[tuple[str, str]]:
        """Return the names and versions not read yet."""
        known = self._known
        return [
            (name, version)
            for name, versions in self._index.items()
            for version in versions
            if (name, version) not in known or known[name, version].status == "unread"
        ]

    def list(self, name: str) -> list[Version]:
        """Return summaries of all versions, newest first, without reading a document. Raises NotFound."""
        return [self._summary(name, version) for version in self.versions(name)]

    def settle(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Validate versions without keeping their content; log those that cannot be read.

        Does what `read` does for each, with few requests to git, however many there are.
        """
        found: list[tuple[str, str, str]] = []
        for name, version in wanted:
            staged = self._staged(name, version)
            if staged is not None:
                self._settle(name, version, staged)
            elif oid := self._index.get(name, {}).get(version):
                found.append((name, version, oid))
        read = self.mirror.read_all((oid, name) for name, _, oid in found)
        for (name, version, _), what in zip(found, read, strict=True):
            if isinstance(what, GitFailed):  # it stays unread; reading it reports why
                if what.code != "being_fetched":
                    logger.warning("%s@%s cannot be read: %s", name, version, what.message)
            else:
                self._note(_made(name, version, *what))

    def diff(self, name: str, old: str, new: str) -> Json:
        """Compare two versions, as `diff` does. Raises NotFound if one of them does not exist."""
        return diff(self.read(name, old), self.read(name, new))

    def _read_latest(self, name: str) -> Version:
        """Read the latest; if that shows it to be invalid, read the next."""
        while True:
            found = self.read(name, self.latest(name))
            if found.status == "valid" or found.version == self.latest(name):
                return found

    def passed_over(self, name: str, version: str) -> tuple[Json, ...]:
        """Return the invalid versions that would be the latest if they could be served, and their problems.

        Args:
            name: the prompt.
            version: the version that ``latest`` means instead.

        Returns:
            ``version`` and ``problem`` of each, highest first, at most three.
        """
        preferred = naming.preferred(self.versions(name))
        before = preferred[: preferred.index(version)] if version in preferred else []
        read = [self.read(name, one) for one in before[:NAMED]]
        return tuple({"version": v.version, "problem": v.problem} for v in read if v.status == "invalid")

    def _settle(self, name: str, version: str, staged: bytes | None) -> Version:
        oid = self._index.get(name, {}).get(version)
        if staged is not None:
            found = with_content(self._tagged(name, version, oid), staged)
        elif oid is None:
            raise _unknown_version(name, version, self.versions(name))
        else:
            found = _made(name, version, *self.mirror.read(oid, name))
        self._note(found)
        return found

    def _note(self, found: Version) -> None:
        """Store the result, and log what an operator should know."""
        key = found.name, found.version
        with self._lock:
            before = self._known.get(key)
            self._known[key] = found.summary()
            self._changes += before != self._known[key]
            mistakes = self._foreign_names.note(self._known[key])
            if found.absent and self._foreign_names.has(found.name, self._index.get(found.name, {})):
                self.mirror.follow_head()
        new = before is None or before.status == "unread"
        if new and found.status == "invalid" and not found.absent:
            _log_invalid(found)
        for version in mistakes:
            if new or version.version != found.version:
                _log_invalid(version)
        if before and before.digest and before.digest != found.digest:
            logger.warning("the repository's %s@%s is not the one that was staged; staged stays", *key)

    def _summary(self, name: str, version: str) -> Version:
        known = self._known.get((name, version))
        if known is None:
            try:
                known = self._tagged(name, version, self._index.get(name, {}).get(version))
            except Unavailable:  # it is being fetched; read it later
                return unread(name, version, TagInfo())
            with self._lock:
                known = self._known.setdefault((name, version), known)
        return known

    def _tagged(self, name: str, version: str, oid: str | None) -> Version:
        """Return what the tag alone holds; nothing, if the mirror has lost it."""
        try:
            about = self.mirror.about(oid) if oid else TagInfo()
        except (GitFailed, DocumentInvalid) as error:
            logger.warning("the tag of %s@%s cannot be read: %s", name, version, error.message)
            about = TagInfo()
        return unread(name, version, about)


def _made(name: str, version: str, about: TagInfo, file: File | DocumentInvalid) -> Version:
    known = unread(name, version, about)
    if isinstance(file, DocumentInvalid):
        return invalid(known, file)
    return with_file(known, file)


def _log_invalid(version: Version) -> None:
    problem = version.problem or {}
    line = problem.get("line")
    place = f"{problem.get('path')}:{line}: " if line else ""
    logger.warning(
        "%s@%s cannot be served: %s%s",
        *(version.name, version.version, place, problem.get("message")),
        extra={"event": "version.invalid", "prompt": version.name, "version": version.version},
    )


def _sorted(versions: dict[str, str]) -> dict[str, str]:
    return {version: versions[version] for version in naming.newest_first(versions)}


def _unknown_prompt(name: str, names: list[str]) -> NotFound:
    near = similar(name, names)
    hint = f"did you mean {' or '.join(near)}?" if near else "commit its file and tag it"
    return NotFound(f"there is no prompt {name[: naming.NAME_LENGTH]!r}; {hint}", code="unknown_prompt")


def _foreign_name(version: Version) -> NotFound:
    """Build the error for a name used only by tags of other things, or whose file was forgotten."""
    problem = (version.problem or {})["message"]
    return NotFound(
        f"there is no prompt {version.name!r}: of {version.tag}, {problem}", code="unknown_prompt"
    )


def _unknown_version(name: str, version: str, versions: list[str]) -> NotFound:
    shown = version[: naming.VERSION_LENGTH]
    return NotFound(
        f"{name} has no version {shown!r}; it has {', '.join(versions[:NAMED])}. "
        f"Tag a commit {naming.tag_of(name, '<version>')} to make one",
        code="unknown_version",
    )
