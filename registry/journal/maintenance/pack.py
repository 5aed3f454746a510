"""Pack a journal: the separate files of each change become one file, a fifteenth of the size."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from registry.git.command import Git
from registry.journal.directory import REPOSITORY, require, right_to_write
from registry.journal.journal import DURABLE
from registry.system.files import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

PACK_SECONDS = 900.0  # a hundred thousand changes take some minutes
BLOCK = 512  # bytes: the unit of a file's space on disk


def pack(folder: Path) -> tuple[int, int]:
    """Pack the changes since the last time. Writes wait meanwhile; reads go on.

    Returns:
        The bytes on disk before and after.

    Raises:
        Unavailable: there is no journal, other processes keep writing, or the disk cannot be written.
        GitFailed: the journal is damaged, or the disk is full; nothing is lost.
    """
    require(folder)
    repository = folder / REPOSITORY
    with right_to_write(folder) as lock, closing(Git(repository, config=DURABLE)) as git:
        before = room(repository)
        git.run("repack", "-q", "-n", timeout=PACK_SECONDS, pass_fds=(lock,))
        sync_folder(repository / "objects" / "pack")  # before the only other copy is removed
        git.run("prune-packed", "-q", timeout=PACK_SECONDS, pass_fds=(lock,))
        return before, room(repository)


def room(repository: Path) -> int:
    """Return the bytes of a repository on disk; files that disappear meanwhile do not count."""
    found = 0
    for path in repository.rglob("*"):
        with suppress(FileNotFoundError):
            found += path.lstat().st_blocks * BLOCK
    return found
