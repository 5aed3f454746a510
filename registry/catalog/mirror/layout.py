"""Prepare the mirror's repository for a sync, whatever a killed git or an older registry left there.

An older registry pinned tags as git's own refs. They count until the next sync, which moves them.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from registry.catalog.mirror import fetch, incoming, pins
from registry.catalog.mirror.pins import Table
from registry.git import repository
from registry.system import formats
from registry.system.files import write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from registry.catalog.mirror.pins import Pins
    from registry.git.command import Git

FORMAT_FILE = "promptstage.json"
_TAGS = "refs/tags"
_FETCHES = (incoming.FOLDER, "newest.git")  # the second of an older registry
_LOCKED = ("packed-refs", "config", "shallow", "HEAD")  # beside the refs


def table(folder: Path, git: Git, pinned: Pins) -> Table:
    """Return the pins; an older registry's are git's refs until the next sync. Raises GitFailed."""
    found = pinned.read()
    if found is None and _has_refs(folder):
        found = Table(_refs(git, _TAGS))
    return found or Table()


def _has_refs(folder: Path) -> bool:
    """Return whether an older registry pinned here; a repository being created has neither."""
    with suppress(FileNotFoundError):
        return (folder / "packed-refs").exists() or any((folder / _TAGS).iterdir())
    return False


def _mark(folder: Path) -> None:
    """Record the format of the mirror and its table of pins, for later registries."""
    if not (folder / FORMAT_FILE).exists():
        write_durably(folder / FORMAT_FILE, json.dumps({"format": formats.MIRROR}).encode())


def prepare(folder: Path, git: Git, pinned: Pins, lock: int) -> None:
    """Create the mirror; move the pins of an older registry from git's refs to the table.

    Args:
        folder: the mirror.
        git: git in that folder.
        pinned: the table of the pins.
        lock: the descriptor of the lock that is held meanwhile, so that no other process writes there.

    Raises:
        GitFailed: git cannot, or the table is damaged.
        OSError: the disk is full or fails.
    """
    _clear_stale_locks(folder)
    _mark(folder)
    tags = folder / _TAGS
    packed = folder / "packed-refs"
    if pinned.revision() is None or packed.exists() or any(tags.iterdir()):
        git.init()
        git.run("config", *fetch.PRECIOUS)
        pinned.add(_refs(git, _TAGS).splitlines())
        known = dict(pins.split(_refs(git).splitlines()))
        for left in tags.iterdir():
            shutil.rmtree(left)
        packed.unlink(missing_ok=True)  # also one that a manual `git gc` made
        fetch.keep_youngest(git, folder, known.values(), lock)


def sweep(folder: Path) -> None:
    """Remove the leftovers of an interrupted fetch, also an older registry's; the lock must be held."""
    for left in _FETCHES:
        shutil.rmtree(folder / left, ignore_errors=True)
    repository.sweep(folder)


def _clear_stale_locks(folder: Path) -> None:
    """Remove the lock files of a killed git: no other process can be writing while we hold the lock."""
    ours = (folder / f"{name}.lock" for name in _LOCKED)
    for left in (*ours, *(folder / "refs").rglob("*.lock")):
        left.unlink(missing_ok=True)


def _refs(git: Git, below: str = "refs") -> bytes:
    return git.run("for-each-ref", "--format=%(objectname)%09%(refname)", below)
