"""The data folder around a journal: its layout, the lock for writing, and the checks before use.

The git children hold the lock of the folder too, so that two processes never write at once, even after a
writer's death.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import ExitStack, contextmanager
from shlex import quote
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from registry.errors import Unavailable
from registry.system import failpoints, formats
from registry.system.files import write_durably
from registry.system.locks import locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_SECONDS = 5.0  # hundreds of writes fit in; a longer wait is refused with `busy`
REPOSITORY = "journal.git"
MARKER = "journal.json"
LOCK = "journal.lock"
TURN = "journal.turn"
_HARMLESS = (LOCK, TURN, REPOSITORY, "admin.token", "valkey", "lost+found", ".")


@contextmanager
def right_to_write(folder: Path) -> Iterator[int]:
    """Hold the lock for writing; yield its descriptor for the git children.

    The next waiter holds a second lock, the turn. Without it a process that writes one change after the
    other would retake the lock each time before any other process tries.

    Raises:
        Unavailable: other processes keep writing (`busy`), or the disk cannot be written
            (`journal_unwritable`).
    """
    try:
        with ExitStack() as turn:
            turn.enter_context(locked(folder / TURN, wait=LOCK_SECONDS))
            with locked(folder / LOCK, wait=LOCK_SECONDS) as descriptor:
                turn.close()
                failpoints.reach(failpoints.LOCKED)
                yield descriptor
    except Unavailable as error:
        if error.code != "no_folder":
            raise
        raise Unavailable(
            f"the journal cannot be written: {error.message}", code="journal_unwritable"
        ) from error


def command(folder: Path, words: str) -> str:
    """Return a command about a data folder, as typed on that folder's machine."""
    return f"promptstage journal {words} --data {quote(str(folder.absolute()))}"


def was_created(folder: Path) -> bool:
    """Return whether a journal was created here, in whatever condition it is now."""
    return (folder / MARKER).exists()


def write_marker(folder: Path, epoch: int, number: int) -> None:
    """Mark a folder's journal as whole, with its format number; the last step of creating one.

    The newest change has the number too, and every copy of the journal carries that.
    """
    write_durably(folder / MARKER, json.dumps({"format": number, "epoch": epoch}).encode())


def check_format(folder: Path) -> None:
    """Refuse a data folder whose journal a newer registry wrote. Raises Unavailable."""
    formats.check_file(folder / MARKER, f"the journal in {folder}")


def require(folder: Path) -> None:
    """Require a data folder with a journal, in whatever condition. Raises Unavailable."""
    check_format(folder)
    if (folder / REPOSITORY).exists():
        return
    if was_created(folder):
        raise Unavailable(
            f"{folder} has lost its {REPOSITORY}; put it back, or go on from what is known elsewhere: "
            f"{command(folder, 'recover')}",
            code="journal_missing",
        )
    raise Unavailable(
        f"{folder} holds no journal; name the registry's data folder with --data", code="journal_missing"
    )


def check_there(folder: Path) -> None:
    """Require a data folder with a whole journal of a known format. Raises Unavailable."""
    check_format(folder)
    if not (was_created(folder) and (folder / REPOSITORY).exists()):
        raise _missing(folder)


def refuse_others(folder: Path, *, used: bool) -> None:
    """Require a data folder with nothing in it but the leftovers of an interrupted start.

    Args:
        folder: the data folder.
        used: whether its repository is more than such a leftover.

    Raises:
        Unavailable: it has other files (`journal_missing`).
    """
    if used or any(not path.name.startswith(_HARMLESS) for path in folder.iterdir()):
        raise _missing(folder)


def _restore(folder: Path) -> str:
    """Return the command that restores a backup: into another folder, if this one has a repository."""
    there = folder.with_name(f"{folder.name}-restored") if (folder / REPOSITORY).exists() else folder
    return command(there, "restore FILE")


def damaged(folder: Path, what: str) -> Unavailable:
    """Build the error of a damaged journal, with the remedy."""
    return Unavailable(
        f"the journal cannot be read: {what}. Save what can be read of it ({command(folder, 'recover')}), or "
        f"restore a backup beside it ({_restore(folder)})",
        code="journal_damaged",
    )


def _missing(folder: Path) -> Unavailable:
    gone = " and no ".join(name for name in (REPOSITORY, MARKER) if not (folder / name).exists())
    return Unavailable(
        f"{folder} is not empty, but has no {gone}: nothing is re-created there. Go on from what is here, in "
        f"a mirror or in Redis ({command(folder, 'recover')}), restore a backup ({_restore(folder)}), or "
        "start again with an empty folder",
        code="journal_missing",
    )


CHANGE_BYTES = 80 << 10  # the most disk space that one change takes


def refusal(folder: Path, *, write: bool = False) -> Unavailable | None:
    """Return the error of a write here now (`journal_unwritable`); None if it would succeed.

    Args:
        folder: the data folder.
        write: test by writing as much as a change takes, into an unnamed file.
    """
    try:
        code = _said(folder)
        if code is None and write:
            _try(folder)
    except OSError as error:
        code = error.errno
    if code is None:
        return None
    return Unavailable(
        f"the journal in {folder} cannot be written: {os.strerror(code)}; see that its disk has room and is "
        "writable",
        code="journal_unwritable",
    )


def _said(folder: Path) -> int | None:
    """Return the errno that a write would meet by the disk's own statistics, or None."""
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY:
        return errno.EROFS
    return errno.ENOSPC if disk.f_bavail * disk.f_frsize < CHANGE_BYTES else None


def _try(folder: Path) -> None:
    with TemporaryFile(dir=folder) as file:
        file.write(bytes(CHANGE_BYTES))
        file.flush()
        os.fsync(file.fileno())
