"""Back up a journal into one file, and restore it.

A copy is of one commit, so a registry may keep writing. The file is a git bundle: git itself can check and
clone it.
"""

from __future__ import annotations

import shutil
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from registry.errors import GitFailed, Invalid, Unavailable
from registry.git.command import Git
from registry.journal.directory import (
    LOCK,
    LOCK_SECONDS,
    MARKER,
    REPOSITORY,
    check_format,
    require,
    write_marker,
)
from registry.journal.fast_import import BRANCH, Folders
from registry.journal.journal import DURABLE
from registry.journal.maintenance.verify import verify
from registry.system import formats
from registry.system.files import write_durably
from registry.system.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from registry.journal.maintenance.verify import Report

COPY_SECONDS = 900.0  # a gigabyte over a slow connection
STAGING = ".journal.restoring"  # in the data folder; left behind by an interrupted restore
_BUNDLE = b"# v2 git bundle\n"


def backup(folder: Path, file: Path, *, force: bool = False) -> int:
    """Write a journal into one file, whole or not at all; return its size in bytes.

    Args:
        folder: the data folder.
        file: the path; only this user may read it, as it has the digests of tokens.
        force: replace an existing file.

    Raises:
        Invalid: the file exists (`exists`).
        Unavailable: there is no journal, it cannot be read, or the file cannot be written.
    """
    if file.exists() and not force:
        raise Invalid(
            f"{file} is there already; name another file, or replace it with --force", code="exists"
        )
    require(folder)
    with closing(Git(folder / REPOSITORY)) as git:
        data = git.run("bundle", "create", "--quiet", "--version=2", "-", BRANCH, timeout=COPY_SECONDS)
    try:
        write_durably(file, data)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}", code="unwritable") from error
    return len(data)


def restore(folder: Path, file: Path, progress: Callable[[str], object] = lambda _: None) -> Report:
    """Restore a backup into a data folder without a journal; it is verified before it is put in place.

    Raises:
        Invalid: this is not a backup (`no_backup`), or the folder has a journal (`exists`).
        Unavailable: the backup is damaged (`journal_damaged`), or the folder cannot be written.
    """
    _check_backup(file)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / LOCK, wait=LOCK_SECONDS):
        check_format(folder)
        held = [name for name in (REPOSITORY, MARKER) if (folder / name).exists()]
        if REPOSITORY in held:  # the marker alone means a lost journal
            raise Invalid(
                f"{folder} holds {' and '.join(held)} already; move that away first, or restore into another "
                "folder with --data",
                code="exists",
            )
        staging = folder / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        try:
            report = _unpack(staging, file, progress)
            Folders(staging / REPOSITORY).sync()
            (staging / REPOSITORY).rename(folder / REPOSITORY)
            if report.newest:  # a journal without a change has problems
                write_marker(folder, report.newest.epoch, report.newest.format)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return report


def _check_backup(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(_BUNDLE))
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}", code="no_backup") from error
    if begins != _BUNDLE:
        raise Invalid(
            f"{file} is no backup of a journal, or it is damaged at its beginning", code="no_backup"
        )


def take(
    staging: Path, source: str, progress: Callable[[str], object], *, config: Sequence[str] = ()
) -> Report:
    """Fetch a journal into an empty folder, and verify it there.

    Args:
        staging: the folder; it gets a repository and a marker.
        source: for git to fetch from: the path of a backup, or ``origin``.
        progress: called with progress messages.
        config: git's settings for the source.

    Raises:
        GitFailed: nothing could be fetched.
    """
    with closing(Git(staging / REPOSITORY, config=(*DURABLE, *config))) as git:
        git.init()
        git.run(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, f"{BRANCH}:{BRANCH}",
            timeout=COPY_SECONDS,
        )  # fmt: skip
    write_marker(staging, 0, formats.FIRST)
    return verify(staging, progress)


def _unpack(staging: Path, file: Path, progress: Callable[[str], object]) -> Report:
    copy = staging / "backup.bundle"  # so that no outside name becomes an argument of git
    shutil.copyfile(file, copy)
    try:
        report = take(staging, str(copy.absolute()), progress)
    except GitFailed as error:
        raise _damaged(file, error.message) from error
    if report.problems:
        raise _damaged(file, "; ".join(report.problems[:3]))
    with suppress(OSError):
        copy.unlink()
    return report


def _damaged(file: Path, what: str) -> Unavailable:
    return Unavailable(f"{file} is damaged, and nothing was restored: {what}", code="journal_damaged")
