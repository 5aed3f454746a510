"""Prepare the mirror's repository for a sync, however a killed git or an older registry left it.

An older registry pinned tags as git's own refs. They count until the next look, which makes them the table's.
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
    """The pins; those of an older registry are still git's refs, until the next look. Raises GitFailed."""
    found = pinned.read()
    if found is None and _has_refs(folder):
        found = Table(_refs(git, _TAGS))
    return found or Table()


def _has_refs(folder: Path) -> bool:
    """Whether an older registry pinned here; a repository that is being made has neither."""
    with suppress(FileNotFoundError):
        return (folder / "packed-refs").exists() or any((folder / _TAGS).iterdir())
    return False


def _mark(folder: Path) -> None:
    """Say of which format the mirror and its table of pins are, for registries to come."""
    if not (folder / FORMAT_FILE).exists():
        write_durably(folder / FORMAT_FILE, json.dumps({"format": formats.FORMAT}).encode())


def prepare(folder: Path, git: Git, pinned: Pins, lock: int) -> None:
    """Make the mirror; pins that an older registry left in git's refs become the table's.

    Args:
        folder: the mirror.
        git: git in that folder.
        pinned: the table of the pins.
        lock: what is held meanwhile, so that nobody else writes there.

    Raises:
        GitFailed: git cannot, or the table is damaged.
        OSError: the disk takes no more.
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
        packed.unlink(missing_ok=True)  # also what somebody's `git gc` made
        fetch.keep_youngest(git, folder, known.values(), lock)


def sweep(folder: Path) -> None:
    """Remove what a fetch that was cut off left, also one of an older registry; with the lock held."""
    for left in _FETCHES:
        shutil.rmtree(folder / left, ignore_errors=True)
    repository.sweep(folder)


def _clear_stale_locks(folder: Path) -> None:
    """Remove what a killed git left: nobody else can be writing while we hold the lock."""
    ours = (folder / f"{name}.lock" for name in _LOCKED)
    for left in (*ours, *(folder / "refs").rglob("*.lock")):
        left.unlink(missing_ok=True)


def _refs(git: Git, below: str = "refs") -> bytes:
    return git.run("for-each-ref", "--format=%(objectname)%09%(refname)", below)
