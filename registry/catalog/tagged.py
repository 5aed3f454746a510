"""What a tag holds: who made it, and the prompt's file in its commit. Git's objects, read by hand.

The formats are those of gitformat-commit and git-mktag; every object was hashed before it gets here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from registry.catalog.file.strict_yaml import SIZE_LIMIT
from registry.catalog.naming import FOLDER, GITHUB_FOLDER, file_names
from registry.errors import DocumentInvalid, GitFailed
from registry.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.git import Git, GitObject

TAG_DEPTH = 5  # a tag of a tag happens; a longer chain is somebody's joke
ABOUT_LIMIT = 1 << 20  # bytes of a tag or commit; greater ones exist only to do harm
MESSAGE_LIMIT = 4000  # characters of a tag's message that are kept
AUTHOR_LIMIT = 200  # characters of a name and an address

_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)
_PERSON = re.compile(rb"(?P<who>.*?) ?(?P<seconds>\d{1,12}) (?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>\d\d)$")
_LFS = b"version https://git-lfs.github.com/spec/"  # how each of its pointers begins
_FOLDER, _FILE, _LINK, _SUBMODULE = 0o040000, 0o100000, 0o120000, 0o160000
_KIND = 0o170000


@dataclass(frozen=True, slots=True)
class About:
    """Who made a version, when and why; `tree` is empty if the tag holds no commit."""

    commit: str = ""
    tree: str = ""
    author: str = ""
    tagged_at: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A prompt's file at a tag."""

    path: str
    content: bytes


def read_about(git: Git, oid: str) -> About:
    """Read an annotated tag's own words, else those of its commit.

    Raises:
        DocumentInvalid: they are longer than anybody reads.
        GitFailed: an object is missing or damaged.
    """
    found = _words(git, oid)
    words = found
    for _ in range(TAG_DEPTH):
        if found.kind != "tag":
            break
        found = _words(git, _header(found.data, b"object").decode())
    person = _header(words.data, b"tagger" if words.kind == "tag" else b"author")
    if found.kind != "commit":
        return About(author=_author(person), tagged_at=_time(person), message=_message(words.data))
    if not person:  # very old tags name no tagger
        person = _header(found.data, b"author")
    tree = _header(found.data, b"tree").decode()
    return About(found.oid, tree, _author(person), _time(person), _message(words.data))


def read_file(git: Git, about: About, name: str) -> File:
    """Find a prompt's file in a commit.

    Raises:
        DocumentInvalid: there is none, there are two, or it is not a file of at most 256 KiB.
        GitFailed: an object is missing or damaged.
    """
    if not about.tree:
        raise DocumentInvalid("the tag holds no commit; delete it and tag a commit under a new version")
    places = _places(git, about.tree)
    found = next((files for base, tree in places if (files := _files(git, base, tree, name))), [])
    if not found:
        path = places[0][0] + file_names(name)[0]
        raise DocumentInvalid(f"{path} is not in the tagged commit; add it, then tag again", path=path)
    path, mode, oid = found[0]
    if len(found) > 1:
        message = f"{path} and {found[1][0]} are both there; remove one, then tag again"
        raise DocumentInvalid(message, path=path)
    return File(path, _content(git, path, mode, oid))


def _places(git: Git, tree: str) -> list[tuple[str, str]]:
    """Where prompts are looked for in a commit: the beginning of their paths, and the folder's tree."""
    if prompts := _descend(git, tree, [FOLDER]):
        return [(f"{FOLDER}/", prompts)]
    github = _descend(git, tree, GITHUB_FOLDER.split("/"))
    return [("", tree), (f"{GITHUB_FOLDER}/", github)] if github else [("", tree)]


def _files(git: Git, base: str, tree: str, name: str) -> list[tuple[str, int, str]]:
    """The path, mode and object id of each file of a prompt below a folder."""
    *parents, last = name.split("/")
    folder = _descend(git, tree, parents)
    if folder is None:
        return []
    entries = (entry.encode() for entry in file_names(last))
    paths = dict(zip(entries, (base + path for path in file_names(name)), strict=True))
    # A folder may have a million files; only what is looked for is kept.
    found = {entry: (mode, oid) for entry, mode, oid in _entries(git, folder) if entry in paths}
    return [(path, *found[entry]) for entry, path in paths.items() if entry in found]


def _content(git: Git, path: str, mode: int, oid: str) -> bytes:
    if not _is(mode, _FILE):
        kinds = {_LINK: "a symbolic link", _SUBMODULE: "a submodule", _FOLDER: "a folder"}
        what = kinds.get(mode & _KIND, "something else")
        raise DocumentInvalid(f"{path} is {what}; make it a file, then tag again", path=path)
    too_large = DocumentInvalid(
        f"{path} has more than 256 KiB; shorten it, then tag again", line=1, column=1, path=path
    )
    content = _bounded(git, oid, SIZE_LIMIT, too_large).data
    if content.startswith(_LFS):
        message = (
            f"{path} is in Git LFS, and its commit has only a pointer; take it out of LFS, then tag again"
        )
        raise DocumentInvalid(message, line=1, column=1, path=path)
    return content


def _words(git: Git, oid: str) -> GitObject:
    message = "the message of the tag or its commit has more than 1 MiB; shorten it under a new version"
    return _bounded(git, oid, ABOUT_LIMIT, DocumentInvalid(message))


def _bounded(git: Git, oid: str, limit: int, too_large: DocumentInvalid) -> GitObject:
    try:
        return _need(git, oid, limit)
    except GitFailed as error:
        if error.code != "git_too_large":
            raise
        raise too_large from error


def _descend(git: Git, tree: str, names: list[str]) -> str | None:
    """The tree of a folder within a folder; None if there is no such folder."""
    for name in names:
        folders = (
            oid for entry, mode, oid in _entries(git, tree) if entry == name.encode() and _is(mode, _FOLDER)
        )
        found = next(folders, None)
        if found is None:
            return None
        tree = found
    return tree


def _is(mode: int, kind: int) -> bool:
    return mode & _KIND == kind


def _need(git: Git, oid: str, limit: int) -> GitObject:
    found = git.look(oid, limit=limit)
    if found is None:
        raise GitFailed(f"the object {oid} is missing from the mirror; delete the mirror to fetch it anew")
    return found


def _entries(git: Git, oid: str) -> Iterator[tuple[bytes, int, str]]:
    found = git.look(oid)
    if found is None or found.kind != "tree":
        raise GitFailed(f"the tree {oid} is missing from the mirror; delete the mirror to fetch it anew")
    for entry in _ENTRY.finditer(found.data):
        yield entry[2], int(entry[1], 8), entry[3].hex()


def _header(data: bytes, key: bytes) -> bytes:
    head = data.partition(b"\n\n")[0]
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name == key:
            return value
    return b""


def _message(data: bytes) -> str:
    text = data.partition(b"\n\n")[2].decode("utf-8", "replace")
    return text.partition("-----BEGIN ")[0].strip()[:MESSAGE_LIMIT]  # a signature is not for people


def _author(person: bytes) -> str:
    match = _PERSON.match(person)
    return escape(match["who"] if match else person, AUTHOR_LIMIT)


def _time(person: bytes) -> str:
    """RFC 3339 with the author's own offset; the epoch where git's date makes no sense."""
    match = _PERSON.match(person)
    try:
        if not match:
            return _rfc3339(0, UTC)
        offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
        zone = timezone(-offset if match["sign"] == b"-" else offset)
        return _rfc3339(int(match["seconds"]), zone)
    except (ValueError, OverflowError, OSError):
        return _rfc3339(0, UTC)


def _rfc3339(seconds: int, zone: timezone) -> str:
    return datetime.fromtimestamp(seconds, zone).isoformat().replace("+00:00", "Z")
