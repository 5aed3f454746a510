"""Durable files: written whole or not at all, and safe after a power cut."""

from __future__ import annotations

import os
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from registry.system import failpoints

if TYPE_CHECKING:
    from pathlib import Path

_CREATING = Lock()  # a file that is there may be opened by another thread before this one has closed it


def write_durably(path: Path, content: bytes, unfinished: Path | None = None) -> None:
    """Write a file atomically and durably, readable by this user only.

    Args:
        path: the file; an existing one is replaced.
        content: its new content.
        unfinished: the temporary file, in the same folder, for a file that only ever has one writer; the
            default has the process id in its name, so a killed process leaves it behind.
    """
    unfinished = unfinished or path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)  # of a killed process, or planted: write only into a new file
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


def create_durably(path: Path, content: bytes) -> bytes:
    """Create a file atomically and durably, readable by this user only; return what is in it.

    Of several processes that create it at once one does, and all get the content of that one. Raises OSError.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_durably(unfinished, content)
        with suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)
    return path.read_bytes()


def create_for_sqlite(path: Path) -> None:
    """Create an empty file, readable by this user only, where there is none. Raises OSError.

    One that exists is never opened: as POSIX has it, SQLite's locks on a file end when the process closes any
    descriptor of it. Another process then takes itself for the last, and deletes the log that is written to
    (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    with _CREATING, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
