"""Find files in git's trees, in the format of git-mktree's objects; every object's hash was checked before.

A reading is a generator that yields the objects it wants; `registry.catalog.mirror.tag_reader` runs it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import GitFailed, ObjectMissing
from registry.git.command import OBJECT_LIMIT, Wanted

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import TypeVar

    from registry.errors import DocumentInvalid
    from registry.git.command import GitObject

    T = TypeVar("T")
    Reading = Generator[Wanted, GitObject | None, T]

_MODE = re.compile(rb"[0-7]+")
_MODE_SIZES = (6, 5)  # digits; of files, and of folders, as git writes them
_OID = 20  # bytes of an id in a tree
_KIND = 0o170000  # the bits of a mode that say what an entry is
_FOLDER, _FILE = 0o040000, 0o100000
_KINDS = {_FOLDER: "a folder", 0o120000: "a symbolic link", 0o160000: "a submodule"}


class Entry(NamedTuple):
    """An entry of a tree: its mode, and the id of its object."""

    mode: int
    oid: str

    @property
    def is_file(self) -> bool:
        """Whether it is an ordinary file."""
        return self.mode & _KIND == _FILE

    @property
    def is_folder(self) -> bool:
        """Whether it is a tree."""
        return self.mode & _KIND == _FOLDER

    @property
    def kind(self) -> str:
        """What it is in place of a file."""
        return _KINDS.get(self.mode & _KIND, "something else")


def need(oid: str, limit: int) -> Reading[GitObject]:
    """Request an object of at most `limit` bytes. Raises ObjectMissing."""
    found = yield Wanted(oid, limit)
    if found is None:
        raise ObjectMissing(f"the object {oid} is missing from the mirror", oid)
    return found


def bounded(oid: str, limit: int, too_large: DocumentInvalid) -> Reading[GitObject]:
    """Request an object; raise this error if it has more than `limit` bytes."""
    try:
        return (yield from need(oid, limit))
    except GitFailed as error:
        if error.code != "git_too_large":
            raise
        raise too_large from error


def folder(tree: bytes, names: Sequence[str]) -> Reading[bytes | None]:
    """Read the tree of a folder within a folder; None if it does not exist."""
    for name in names:
        found = entry(tree, name)
        if found is None or not found.is_folder:
            return None
        tree = (yield from need(found.oid, OBJECT_LIMIT)).data
    return tree


def spelt(tree: bytes, name: str) -> str | None:
    """Find the name of an entry that differs in the case of ASCII letters alone."""
    start = tree.lower().find(b" %s\0" % name.lower().encode()) + 1
    return tree[start : start + len(name.encode())].decode("utf-8", "replace") if start else None


def entry(tree: bytes, name: str) -> Entry | None:
    """Find an entry of a tree by searching its name, as a folder may have a million entries.

    The mode follows the previous entry's id, and that a NUL, so that no name can look like an entry.
    """
    ending = b" %s\0" % name.encode()
    end = tree.find(ending)
    while end >= 0:
        for start in (end - size for size in _MODE_SIZES):
            first = start == 0 or (start > _OID and not tree[start - _OID - 1])
            if first and _MODE.fullmatch(tree, start, end):
                begin = end + len(ending)
                return Entry(int(tree[start:end], 8), tree[begin : begin + _OID].hex())
        end = tree.find(ending, end + 1)
    return None
