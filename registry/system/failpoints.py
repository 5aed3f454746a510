"""Named places at which a test can kill this process.

Outside tests they are off, and passing one costs a comparison. When on, a file names the armed failpoint.
The process that passes it removes the file, so that the next process lives, and is killed with SIGKILL.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The steps of a change, in their order.
LOCKED = "locked"  # the lock is held, nothing is decided
DECIDED = "decided"  # the change is decided, git has not started
COMMITTED = "committed"  # git moved the branch; it may not be on disk
SYNCED = "synced"  # past the commit point, not yet announced
ADOPTED = "adopted"  # this process serves it and has notified its streams
UNLOCKED = "unlocked"  # others may write, Redis is not updated
BOARD_READ = "board.read"  # the head in Redis was read for comparison
BOARD_WRITTEN = "board.written"  # Redis has it, no answer was sent
# Steps of a change to a shared journal, between DECIDED and ADOPTED.
PROPOSED = "proposed"  # the commit is on disk here only
PUSHED = "pushed"  # past the commit point, not yet known here
# Steps of creating a journal; those of its first change come between INITIALISED and BEGUN.
ADMIN_WRITTEN = "admin.written"  # the admin's secret exists, the journal does not
INITIALISED = "initialised"  # a repository without a commit
BEGUN = "begun"  # the first commit exists, the marker does not
FILE_WRITTEN = "file.written"  # the marker, or another small file, is not yet renamed to its final name
FILE_RENAMED = "file.renamed"  # its folder may not be on disk

CHANGE = (LOCKED, DECIDED, COMMITTED, SYNCED, ADOPTED, UNLOCKED, BOARD_READ, BOARD_WRITTEN)
SHARING = (PROPOSED, PUSHED)
BEGINNING = (
    LOCKED, ADMIN_WRITTEN, INITIALISED, DECIDED, COMMITTED, SYNCED, BEGUN, FILE_WRITTEN, FILE_RENAMED
)  # fmt: skip

_armed: Path | None = None


def arm(file: Path | None) -> None:
    """Arm the failpoint that the file names once it exists; None disarms."""
    global _armed  # noqa: PLW0603 - one per process, as it kills the process
    _armed = file


def reach(name: str) -> None:
    """Pass a failpoint, or kill this process if it is armed."""
    if _armed is None:
        return
    with suppress(FileNotFoundError):
        if _armed.read_text() == name:
            _armed.unlink()  # of two processes that pass it, only one dies
            os.kill(os.getpid(), signal.SIGKILL)
