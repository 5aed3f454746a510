"""The disk under the journal is full, read-only, or fails: a reason, the same head, and then on again."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from faults import traced
from faults.scenario import Result, at_least
from faults.writer import begin, head
from faults.writers import Slot, Spawner, audit
from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

SIZE = 32 << 20  # bytes
PAGE = 4096  # bytes, the least that a file takes
PAGES = 12  # fewer than a write needs
SYNCS = 10  # fewer than a registry makes in one write
NOT_MOUNTED = "only root may mount one to fill"
UNSURE = "Idempotency-Key"  # what is told to repeat with, if only the very last sync failed


def prove(*, full: bool) -> Iterator[Result]:
    """Take the space, then the right to write, then let fsync fail."""
    rounds = 4 if full else 1
    with Spawner() as spawner, TemporaryDirectory() as name:
        folder = Path(name)
        if mount(folder, f"size={SIZE}"):
            with mounted(folder), _writer(folder, spawner) as slot:
                spaces = range(PAGES) if full else (0, 5, 10)
                yield _refused(
                    "the disk is full", slot, [full_but(folder, left) for left in [*spaces] * rounds]
                )
                yield _refused("the disk is read-only", slot, [read_only(folder) for _ in range(rounds * 3)])
        else:
            yield Result("the disk is full or read-only", 0, void=NOT_MOUNTED)
        if traced.possible():
            with _writer(folder, spawner) as slot:
                numbers = range(1, SYNCS + 1) if full else (1, 7)
                yield _refused(
                    "fsync fails, git's too", slot, [_no_sync(slot, n, "-f") for n in [*numbers] * rounds]
                )
                yield _refused(
                    "fsync fails, not git's", slot, [_no_sync(slot, n) for n in [*numbers] * rounds]
                )
        else:
            yield Result("fsync fails", 0, void=traced.NOT_POSSIBLE)


def _refused(what: str, slot: Slot, faults: Sequence[AbstractContextManager[None]]) -> Result:
    """Let one process write under each fault, and after it."""
    problems: list[str] = []
    answers: list[dict[str, str]] = []
    for fault in faults:
        before = head(slot.folder)
        with fault:
            slot.ask()
            answers.append(slot.hear())
            after = head(slot.folder)
        reason = answers[-1].get("problem", "")
        if "commit" not in answers[-1] and not reason:
            problems.append("no reason was given")
        if reason and after != before and UNSURE not in reason:
            problems.append(f"refused, but the head moved: {reason}")
        slot.ask()
        if "commit" not in (then := slot.hear()):
            problems.append(f"the next write failed: {then}")
    lost, others = audit(slot.folder, [slot])
    problems += others
    refused = sum("problem" in answer for answer in answers)
    codes = {answer["code"] for answer in answers if "code" in answer}
    note = "; ".join([", ".join(sorted(codes)), *problems[:3]])
    return at_least(Result(what, refused, lost=lost, wrong=len(problems), note=note), len(faults))


@contextmanager
def full_but(folder: Path, left: int) -> Iterator[None]:
    """Leave so many pages of a disk."""
    filler = folder / "filler"

    def fill() -> bool:
        with suppress(OSError), filler.open("wb") as file:  # a process of before may still write
            os.posix_fallocate(file.fileno(), 0, (os.statvfs(folder).f_bavail - left) * PAGE)
            return True
        return False

    until(fill, "the disk to be full")
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing be written; one that is written to just now is left a moment."""
    until(lambda: mount(folder, "remount,ro"), "the disk to be read-only")
    try:
        yield
    finally:
        mount(folder, "remount,rw")


@contextmanager
def _no_sync(slot: Slot, number: int, *options: str) -> Iterator[None]:
    """Fail one sync of a writer; with ``-f`` also of each git that works for it."""
    inject = f"inject=fsync:error=EIO:when={number}"
    with (
        TemporaryDirectory() as name,
        traced.traced(slot.pid, Path(name) / "log", *options, "-e", "trace=fsync", "-e", inject),
    ):
        yield


@contextmanager
def _writer(folder: Path, spawner: Spawner) -> Iterator[Slot]:
    """A writer of a new journal, in a folder of this disk."""
    journal = folder / "data"
    begin(journal)
    entry = head(journal)
    slot = Slot(spawner, journal, acknowledged=[(entry.change.seq, entry.commit)])
    slot.start()
    try:
        yield slot
    finally:
        slot.kill(git=True)


def mount(folder: Path, options: str) -> bool:
    """Mount a small disk, or mount it anew: whether that may be done here."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return (
        bool(shutil.which("mount"))
        and not subprocess.run(command, check=False, capture_output=True).returncode
    )


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Take a disk away in the end."""
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
