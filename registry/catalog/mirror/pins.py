"""The table of pins: the object that each tag is pinned to, for ever; lines are only added.

Git could hold the pins as refs, but then each fetch opens every one of them to check that nothing is
missing, which takes seconds where there are a hundred thousand. The table has one line per pin, as
``git ls-remote`` writes it, the newest last. It is replaced whole, once the new one is on disk: a reader
sees one moment, and a process or machine that dies leaves the old table or the new one. The first line is
the hash of the others, so that a damaged table is refused, not taken for one with fewer pins.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import GitFailed
from registry.system.files import write_durably

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FEW = 10  # lines; the usual sync adds one

OID = 40  # hexadecimal digits
_TAGS = b"refs/tags/"


class Table(NamedTuple):
    """The pins of one moment: lines as ``git ls-remote`` writes them, and their hash."""

    lines: bytes = b""
    digest: bytes = sha256().hexdigest().encode()


class Seen(NamedTuple):
    """The part of a table that a reader has read."""

    size: int = 0
    digest: bytes = Table().digest


class Pins:
    """The table in one file. Any process may read it; hold the mirror's lock to add."""

    def __init__(self, file: Path) -> None:
        """Prepare; nothing is read yet."""
        self._file = file
        self._last: tuple[object, Table] | None = None

    def revision(self) -> object:
        """Return a value that changes when the table does; costs one system call. None: there is no table."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def read(self) -> Table | None:
        """Read the table, if it exists. Raises GitFailed (`git_corrupt`)."""
        revision = self.revision()
        if self._last and self._last[0] == revision:
            return self._last[1]
        try:
            digest, _, lines = self._file.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if _digest(lines) != digest:
            raise GitFailed(
                f"{self._file} is damaged; restore the data folder from a backup, or delete the mirror "
                "to fetch all tags again, as they are in the repository now",
                code="git_corrupt",
            )
        table = Table(lines, digest)
        self._last = (revision, table)  # if it was replaced meanwhile, it is read again
        return table

    def add(self, lines: Iterable[bytes]) -> None:
        """Pin tags, creating the table if needed; a pinned tag stays as it is.

        Raises:
            GitFailed: the table is damaged.
            OSError: the disk is full or fails; the table is unchanged.
        """
        pinned = (self.read() or Table()).lines
        candidates = [line + b"\n" for line in lines]
        held = _held(pinned, candidates)
        self._replace(pinned + b"".join(line for line in candidates if _ref(line) not in held))

    def _replace(self, lines: bytes) -> None:
        digest = _digest(lines)
        write_durably(self._file, digest + b"\n" + lines, self._file.with_suffix(".new"))
        self._last = (self.revision(), Table(lines, digest))


def line_of(tag: str, oid: str) -> bytes:
    """Return the line of one pin."""
    return b"%s\t%s%s" % (oid.encode(), _TAGS, tag.encode())


def split(lines: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
    """Yield the tag and object id of each line."""
    for line in lines:
        oid, _, ref = line.partition(b"\t")
        yield ref[len(_TAGS) :], oid.decode()


def since(table: Table, seen: Seen) -> list[bytes] | None:
    """Return the lines added since a reader's last read; None if that was another table."""
    if _digest(table.lines[: seen.size]) != seen.digest:
        return None
    return table.lines[seen.size :].splitlines()


def _digest(lines: bytes) -> bytes:
    return sha256(lines).hexdigest().encode()


def _held(pinned: bytes, lines: Sequence[bytes]) -> set[bytes]:
    """Return the refs of these lines that are pinned."""
    if len(lines) <= FEW:  # searching for each is ten times as fast as sorting a hundred thousand
        return {_ref(line) for line in lines if _ref(line) in pinned}
    return {_ref(line) for line in pinned.splitlines(keepends=True)}


def _ref(line: bytes) -> bytes:
    return line[OID:]
