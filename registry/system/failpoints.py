"""Named places at which a test can kill this process.

Off, which is always but in a proof, passing one costs a comparison. On, a file names the failpoint that is
armed. Whoever passes that one removes the file, so that the next process lives, and gets SIGKILL.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The steps of a change, in their order.
LOCKED = "locked"  # the right to write is held, nothing is decided
DECIDED = "decided"  # what to write is known, git has not begun
COMMITTED = "committed"  # git moved the branch; it may not be on the disk
SYNCED = "synced"  # the commit point is passed, nobody knows
ADOPTED = "adopted"  # this process serves it, its streams were told
UNLOCKED = "unlocked"  # others may write, Redis knows nothing
BOARD_READ = "board.read"  # the head in Redis was read, to be compared
BOARD_WRITTEN = "board.written"  # Redis has it, nothing is answered
# Those of a change to a journal that registries share, between the second and the fifth.
PROPOSED = "proposed"  # the commit is on the disk here, and the others know nothing of it
PUSHED = "pushed"  # the commit point is passed, and nobody here knows
# The steps of a journal's beginning; those of its first change come between the second and the third.
ADMIN_WRITTEN = "admin.written"  # the admin's secret is there, the journal is not
INITIALISED = "initialised"  # a repository without a commit
BEGUN = "begun"  # the first commit is there, the marker is not
FILE_WRITTEN = "file.written"  # the marker, or another small file, is not under its own name yet
FILE_RENAMED = "file.renamed"  # its folder may not be on the disk

CHANGE = (LOCKED, DECIDED, COMMITTED, SYNCED, ADOPTED, UNLOCKED, BOARD_READ, BOARD_WRITTEN)
SHARING = (PROPOSED, PUSHED)
BEGINNING = (
    LOCKED, ADMIN_WRITTEN, INITIALISED, DECIDED, COMMITTED, SYNCED, BEGUN, FILE_WRITTEN, FILE_RENAMED
)  # fmt: skip

_armed: Path | None = None


def arm(file: Path | None) -> None:
    """From now on, be killed at the failpoint that the file names, once there is one; None: at none."""
    global _armed  # noqa: PLW0603 - one for the process, which is what it kills
    _armed = file


def reach(name: str) -> None:
    """Pass a failpoint, or die there."""
    if _armed is None:
        return
    with suppress(FileNotFoundError):
        if _armed.read_text() == name:
            _armed.unlink()  # of two processes that pass, one dies
            os.kill(os.getpid(), signal.SIGKILL)
