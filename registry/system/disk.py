"""Find out whether the disk of a data folder can take a change: by its report, or by trying."""

from __future__ import annotations

import errno
import os
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from registry.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

CHANGE_BYTES = 80 << 10  # of the disk, at most, that a change takes


def refusal(folder: Path, *, write: bool = False) -> Unavailable | None:
    """Why nothing could be written here now (`journal_unwritable`); None if it could.

    Args:
        folder: the data folder.
        write: find out by writing as much as a change takes, into a file without a name.
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
    """What is wrong with a disk by its own account: the number of the error that a write would meet."""
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY:
        return errno.EROFS
    return errno.ENOSPC if disk.f_bavail * disk.f_frsize < CHANGE_BYTES else None


def _try(folder: Path) -> None:
    with TemporaryFile(dir=folder) as file:
        file.write(bytes(CHANGE_BYTES))
        file.flush()
        os.fsync(file.fileno())
