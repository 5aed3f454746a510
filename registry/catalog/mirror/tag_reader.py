"""Read the tag of a version, and the prompt's file in its commit, from git's raw objects.

Readings are generators that yield the objects they want, so that one can be run at a time (`answer`), or many
at once with few requests to git (`answer_all`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from registry.catalog.mirror import tag_info, trees
from registry.catalog.mirror.tag_info import TagInfo
from registry.catalog.naming import FOLDER, file_names
from registry.catalog.parsing import document, partials, repository_settings
from registry.catalog.parsing.repository_settings import SIZE_LIMIT as SETTINGS_LIMIT
from registry.catalog.parsing.repository_settings import RepositorySettings
from registry.catalog.parsing.strict_yaml import LFS_POINTER, SIZE_LIMIT
from registry.catalog.parsing.toml_source import FILE
from registry.errors import DocumentAbsent, DocumentInvalid, GitFailed
from registry.git.command import OBJECT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from registry.catalog.mirror.trees import Entry, Reading
    from registry.catalog.parsing.partials import Files
    from registry.git.command import GitObject, Wanted

    T = TypeVar("T")

_NO_SETTINGS = RepositorySettings()


@dataclass(frozen=True, slots=True)
class File:
    """A prompt's file at a tag, with the partials that it asks for.

    Attributes:
        path: in the repository.
        inner: from the prompts folder.
        files: the partials, as in `registry.catalog.parsing.partials.Files`.
    """

    path: str
    inner: str
    content: bytes
    files: Files


class Objects(Protocol):
    """A source of objects; a `Git` is one."""

    def read_object(self, expression: str, *, limit: int) -> GitObject | None:
        """Read one object; None if it does not exist."""

    def read_objects(self, wanted: Sequence[Wanted]) -> list[GitObject | GitFailed | None]:
        """Read many objects."""


def answer(git: Objects, reading: Reading[T]) -> T:
    """Run a reading with the objects it requests; return its result. Raises what it raises."""
    found: GitObject | GitFailed | None = None
    try:
        wanted = next(reading)
        while True:
            try:
                found = git.read_object(wanted.oid, limit=wanted.limit)
            except GitFailed as error:
                found = error
            wanted = _go_on(reading, found)
    except StopIteration as end:
        return cast("T", end.value)


def answer_all(git: Objects, readings: Sequence[Reading[T]]) -> list[T | GitFailed]:
    """Run many readings at once: each round answers the next request of all of them."""
    done: dict[int, T | GitFailed] = {}
    asked: dict[int, Wanted] = {}
    found: dict[Wanted, GitObject | GitFailed | None] = {}
    while len(done) < len(readings):
        for number, reading in enumerate(readings):
            if number in done:
                continue
            try:
                before = asked.get(number)
                asked[number] = _go_on(reading, found[before]) if before else next(reading)
            except StopIteration as end:
                done[number] = cast("T", end.value)
            except GitFailed as error:
                done[number] = error
        wanted = list({asked[number]: None for number in range(len(readings)) if number not in done})
        found = dict(zip(wanted, git.read_objects(wanted), strict=True))
    return [done[number] for number in range(len(readings))]


def _go_on(reading: Reading[T], found: GitObject | GitFailed | None) -> Wanted:
    return reading.throw(found) if isinstance(found, GitFailed) else reading.send(found)


def read(oid: str, name: str) -> Reading[tuple[TagInfo, File | DocumentInvalid]]:
    """Read the tag of a version and its prompt's file, or the file's problem. Raises GitFailed."""
    about = TagInfo()
    try:
        about = yield from tag_info.read(oid)
        return about, (yield from read_file(about, name))
    except DocumentInvalid as error:
        return about, error


def exists(oid: str, name: str) -> Reading[bool]:
    """Tell whether a commit has a usable file of a prompt. Raises GitFailed."""
    try:
        about = yield from tag_info.read(oid)
        found = yield from find(about, name)
    except DocumentInvalid:
        return False
    return found.entry.is_file


def read_file(about: TagInfo, name: str) -> Reading[File]:
    """Read a prompt's file in a commit.

    Raises:
        DocumentInvalid: there is none, there are two, or it is not a file of at most 256 KiB.
        GitFailed: an object is missing or damaged.
    """
    found = yield from find(about, name)
    path = found.place + found.inner
    content = yield from file_content(path, found.entry, SIZE_LIMIT)
    files: dict[str, bytes | str] = {}
    while missing := document.wanted(content, files):
        for other in missing:
            files[other] = yield from _partial(found.root, found.place, other)
    return File(path, found.inner, content, files)


def _partial(root: bytes, place: str, path: str) -> Reading[bytes | str]:
    """Read a partial from the prompts folder of a commit, or say why it cannot be put in."""
    *parents, last = f"{place}{path}".split("/")
    data = yield from trees.folder(root, parents)
    entry = trees.entry(data, last) if data is not None else None
    if entry is None:
        other = trees.spelt(data, last) if data is not None else None
        other = other and f"did you mean {path.removesuffix(last)}{other}?"
        return f"is not in the tagged commit; {other or 'add the file, or correct the path'}"
    if not entry.is_file:
        return f"is {entry.kind}; put a file there"
    try:
        return (yield from trees.need(entry.oid, partials.FILE_SIZE + 1)).data
    except GitFailed as error:
        if error.code != "git_too_large":
            raise
        return partials.TOO_LARGE


class Found(NamedTuple):
    """A prompt's file in a commit: the root, the prompts folder, the path from there, and the entry."""

    root: bytes
    place: str
    inner: str
    entry: Entry


def find(about: TagInfo, name: str) -> Reading[Found]:
    """Find a prompt's file in a commit. Raises as `read_file` does."""
    if not about.tree:
        raise DocumentInvalid("the tag holds no commit; delete it and tag a commit under a new version")
    root = (yield from trees.need(about.tree, OBJECT_LIMIT)).data
    settings = yield from _settings(root)
    usual = trees.entry(root, FOLDER)
    places = settings.places(usual=usual is not None and usual.is_folder)
    found: list[Found] = []
    for place in places:
        found = found or (yield from _files(root, place, name))
    if not found:
        path = places[0] + file_names(name)[0]
        raise DocumentAbsent(f"{path} is not in the tagged commit; add it, then tag again", path=path)
    path, *others = (one.place + one.inner for one in found)
    if settings.exclude and settings.prompt_at(path) is None:
        message = f"{path} is excluded by {FILE} of the tagged commit; change that, then tag again"
        raise DocumentAbsent(message, path=path)
    if others:
        message = f"{path} and {others[0]} are both there; remove one, then tag again"
        raise DocumentInvalid(message, path=path)
    return found[0]


def _settings(root: bytes) -> Reading[RepositorySettings]:
    """Read the settings of a commit; the usual one has none, and costs no further object."""
    entry = trees.entry(root, FILE)
    if entry is None:
        return _NO_SETTINGS
    content = yield from file_content(FILE, entry, SETTINGS_LIMIT)
    return repository_settings.parse(content, whole=False)


def _files(root: bytes, place: str, name: str) -> Reading[list[Found]]:
    """List the files of a prompt below a prompts folder."""
    *parents, last = f"{place}{name}".split("/")
    data = yield from trees.folder(root, parents)
    if data is None:
        return []
    found = zip(file_names(name), (trees.entry(data, entry) for entry in file_names(last)), strict=True)
    return [Found(root, place, path, entry) for path, entry in found if entry]


def file_content(path: str, entry: Entry, limit: int) -> Reading[bytes]:
    """Read a file of at most `limit` bytes. Raises DocumentInvalid: it is no file, larger, or in LFS."""
    if not entry.is_file:
        raise DocumentInvalid(f"{path} is {entry.kind}; make it a file, then tag again", path=path)
    message = f"{path} has more than {limit >> 10} KiB; shorten it, then tag again"
    too_large = DocumentInvalid(message, line=1, column=1, path=path)
    content = (yield from trees.bounded(entry.oid, limit, too_large)).data
    if content.startswith(LFS_POINTER):
        message = (
            f"{path} is in Git LFS, and its commit has only a pointer; take it out of LFS, then tag again"
        )
        raise DocumentInvalid(message, line=1, column=1, path=path)
    return content
