"""What makes a commit durable: its stream for git, and names that survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from registry import failpoints
from registry.rollouts.change import CHANGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry.rollouts.change import Change

BRANCH = "refs/heads/main"
PROPOSED = "refs/promptstage/proposed"  # a commit that a journal elsewhere is to take
IDENTITY = "Promptstage <registry@promptstage.invalid>"
CLOCK_TICK_SECONDS = 1.0  # file times are coarser than the clock


def import_stream(
    ref: str, parent: str | None, changes: Iterable[tuple[Change, Mapping[str, bytes]]]
) -> Iterator[bytes]:
    """The commits in the format of ``git fast-import``, each on the one before, contents by length."""
    for change, files in changes:
        yield from _commit(ref, parent, change, files)
        parent = None  # from here on it is the commit before
    yield b"done\n"


def _commit(ref: str, parent: str | None, change: Change, files: Mapping[str, bytes]) -> Iterator[bytes]:
    message = f"{change.op}\n\nThe record of this change is {CHANGE}.\n".encode()
    yield f"commit {ref}\ncommitter {IDENTITY} {int(change.at.timestamp())} +0000\n".encode()
    yield b"data %d\n%s\n" % (len(message), message)
    if parent is not None:
        yield f"from {parent}\n".encode()
    record = change.model_dump_json(indent=1).encode()
    for path, content in {CHANGE: record, **files}.items():
        yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)


def sync_changed(repository: Path, since: float) -> None:
    """Make names durable, not only contents: git syncs files, but not the folders that they are in.

    Args:
        repository: a bare repository.
        since: the time in seconds before which every folder has been synced.
    """
    objects = repository / "objects"
    changed = since - CLOCK_TICK_SECONDS
    with os.scandir(objects) as entries:
        kept = (entry for entry in entries if not entry.name.startswith("tmp_"))  # of a push; it goes again
        folders = [Path(entry) for entry in kept if entry.is_dir() and entry.stat().st_mtime >= changed]
    for folder in (*folders, objects, repository / "refs/heads"):
        _sync_folder(folder)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, so that it survives a power cut; only this user may read it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)  # of one that was killed, or a stranger's trap: we write into our own
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        failpoints.reach(failpoints.MARKER_WRITTEN)
        unfinished.replace(path)
        failpoints.reach(failpoints.MARKER_RENAMED)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
