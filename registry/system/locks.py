"""Lock files between the processes that share a data folder.

`flock` belongs to the open file, so a git child that inherits the descriptor keeps the lock when its
parent is killed: no other process writes before the child has ended too.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RETRY_SECONDS = 0.002  # flock has no time-out of its own; a write takes some 10 ms, so retry often


@contextmanager
def locked(path: Path, *, wait: float, shared: bool = False) -> Iterator[int]:
    """Hold the lock on a file, creating it if needed.

    Args:
        path: the lock file; its folder must exist.
        wait: seconds to wait for other holders; 0 tries once.
        shared: hold it together with other shared holders.

    Yields:
        The descriptor that holds the lock, for children that must hold it too.

    Raises:
        Unavailable: another process held it throughout (`busy`), or the folder is gone (`no_folder`).
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot open {path.name}: {error.strerror}", code="no_folder") from error
    try:
        _acquire(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, path, time.monotonic() + wait)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, kind: int, path: Path, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Unavailable(f"another process holds {path.name}; try again", code="busy") from None
            time.sleep(RETRY_SECONDS)
