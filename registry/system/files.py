"""Write files that are whole or absent, and survive a power cut."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from registry.system import failpoints

if TYPE_CHECKING:
    from pathlib import Path


def write_durably(path: Path, content: bytes, unfinished: Path | None = None) -> None:
    """Write a file, whole or not at all, so that it survives a power cut; only this user may read it.

    Args:
        path: the file; what is there is replaced.
        content: what it shall hold.
        unfinished: where it is written first, in the same folder; else a name of this process's own, which
            stays behind if that is killed. For one that only ever has one writer.
    """
    unfinished = unfinished or path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)  # of one that was killed, or a stranger's trap: we write into our own
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        failpoints.reach(failpoints.FILE_WRITTEN)
        unfinished.replace(path)
        failpoints.reach(failpoints.FILE_RENAMED)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
