"""Durable commits: the stream for ``git fast-import``, and the fsync of directories."""

from __future__ import annotations

import json
import os
import re
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from registry.journal.change import ASKING, CHANGE
from registry.system.files import sync_folder
from registry.system.text import SHOWN, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from registry.journal.change import Change

BRANCH = "refs/heads/main"
PROPOSED = "refs/promptstage/proposed"  # a commit to push to the shared journal
IDENTITY = "Promptstage <registry@promptstage.invalid>"
FINE_TICK = 50_000_000  # nanoseconds; a kernel's clock for file times ticks every 1 to 10 ms
SHOWN_DIGEST = 19  # characters of a digest: its kind, and twelve digits
COARSE_TICK = 2_000_000_000  # on file systems with times of one or two whole seconds


def import_stream(
    ref: str, parent: str | None, changes: Iterable[tuple[Change, Mapping[str, bytes]]]
) -> Iterator[bytes]:
    """Yield commits in the format of ``git fast-import``, each on the one before, contents by length."""
    for change, files in changes:
        yield from _commit(ref, parent, change, files)
        parent = None  # the following ones have the previous commit as their parent
    yield b"done\n"


def _commit(ref: str, parent: str | None, change: Change, files: Mapping[str, bytes]) -> Iterator[bytes]:
    message = f"{subject(change)}\n\nThe record of this change is {CHANGE}.\n".encode()
    yield f"commit {ref}\ncommitter {IDENTITY} {int(change.at.timestamp())} +0000\n".encode()
    yield b"data %d\n%s\n" % (len(message), message)
    if parent is not None:
        yield f"from {parent}\n".encode()
    record = change.model_dump_json(indent=1).encode()
    for path, content in {CHANGE: record, **files}.items():
        yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)


class Folders:
    """The folders of a repository: git fsyncs files, but not the folders that hold their names.

    Changes are found by comparing the folders' times with each other, never with this machine's clock, which
    may be set. Two changes within a tick of the file system's clock have one time, so a folder that changed
    shortly before the branch did is synced once more the next time.
    """

    def __init__(self, repository: Path) -> None:
        self._heads = repository / "refs/heads"
        self._objects = repository / "objects"
        self._synced: dict[Path, int] = {}

    def sync(self) -> None:
        """Fsync every changed folder. Raises OSError."""
        found = dict(self._times())
        for folder, changed in found.items():
            if self._synced.get(folder) != changed:
                with self._unless_emptied(folder):
                    sync_folder(folder)
        newest = found[self._heads]
        self._synced = {
            folder: changed for folder, changed in found.items() if changed < newest - _tick(changed)
        }

    def _times(self) -> Iterator[tuple[Path, int]]:
        for folder in self._all():
            with self._unless_emptied(folder):
                yield folder, folder.stat().st_mtime_ns

    def _unless_emptied(self, folder: Path) -> AbstractContextManager[None]:
        """Ignore a folder of objects that disappears meanwhile: all its objects have been packed."""
        return suppress(FileNotFoundError) if folder.parent == self._objects else nullcontext()

    def _all(self) -> Iterator[Path]:
        with os.scandir(self._objects) as entries:
            for entry in entries:
                if entry.is_dir() and not entry.name.startswith("tmp_"):  # temporary, of a push
                    yield Path(entry)
        yield from (self._objects, self._heads)


def _tick(changed: int) -> int:
    """Return the nanoseconds within which two changes may have one time."""
    return COARSE_TICK if changed % 1_000_000_000 == 0 else FINE_TICK


_PLAIN = re.compile(r"[\w.@+-]+")


def subject(change: Change) -> str:
    """The subject of a change: ``promote summarize 1.3.0 in production by ada``."""
    return " ".join(filter(None, (*_what(change), "by", _name(change.actor))))


def _what(change: Change) -> tuple[str, ...]:
    if change.token:
        return (change.op, _name(change.token.name), f"({change.token.id})")
    if change.attestation:
        return (
            change.op,
            change.attestation.prompt,
            change.attestation.digest[:SHOWN_DIGEST],
            change.attestation.result,
        )
    if change.state is None:
        return (change.op,)
    asked = change.op.startswith(ASKING)
    op = f"ask to {change.op.removeprefix(ASKING)}" if asked else change.op
    return (op, change.state.prompt, *_end(change.after), "in", change.state.environment)


def _end(after: str | float | None) -> tuple[str, ...]:
    if after is None:
        return ()
    return (after,) if isinstance(after, str) else ("to", f"{after:g}%")


def _name(name: str) -> str:
    """Return a token's name; in quotes if it could be read as part of the sentence."""
    shown = visible(name)[:SHOWN]
    return shown if _PLAIN.fullmatch(shown) else json.dumps(shown, ensure_ascii=False)
