"""Copies of a journal: as one file and back, and pushed to another repository.

A copy is of one commit, so a registry may go on writing. A file is a git bundle: git itself can check it,
and clone it.
"""

from __future__ import annotations

import re
import shutil
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from registry.catalog.upstream import Upstream
from registry.errors import GitFailed, Invalid, Unavailable
from registry.git import Git
from registry.locks import locked
from registry.rollouts import tree
from registry.rollouts.commit import BRANCH, sync_changed, write_durably
from registry.rollouts.journal import DURABLE, LOCK, LOCK_SECONDS, MARKER, REPOSITORY, require, write_marker
from registry.rollouts.upkeep.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.catalog.upstream import Credentials
    from registry.rollouts.upkeep.verify import Report

COPY_SECONDS = 900.0  # a gigabyte over a slow line
STAGING = ".journal.restoring"  # in the data folder; what a restore leaves that was cut off
_BUNDLE = b"# v2 git bundle\n"
_SECRET = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@]*:[^/@]*@|https?://[^/@]+@")


def backup(folder: Path, file: Path, *, force: bool = False) -> int:
    """Write a journal into one file, whole or not at all; returns how many bytes it has.

    Args:
        folder: the data folder.
        file: where to; only this user may read it, for it holds the digests of tokens.
        force: replace it, if it is there.

    Raises:
        Invalid: it is there (`exists`).
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


def restore(folder: Path, file: Path, tell: Callable[[str], object] = lambda _: None) -> Report:
    """Put the journal of a backup into a data folder that has none; it is verified before it is in place.

    Raises:
        Invalid: this is no backup (`no_backup`), or the folder holds a journal (`exists`).
        Unavailable: the backup is damaged (`journal_damaged`), or the folder cannot be written.
    """
    _check_backup(file)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / LOCK, wait=LOCK_SECONDS):
        if held := [name for name in (REPOSITORY, MARKER) if (folder / name).exists()]:
            raise Invalid(
                f"{folder} holds {' and '.join(held)} already; move that away first, or restore into another "
                "folder with --data",
                code="exists",
            )
        staging = folder / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        try:
            report = _unpack(staging, file, tell)
            sync_changed(staging / REPOSITORY, since=0.0)
            (staging / REPOSITORY).rename(folder / REPOSITORY)
            write_marker(folder, report.newest.epoch if report.newest else 0)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return report


def push(folder: Path, url: str, credentials: Credentials) -> str:
    """Push a journal to another repository, which is made if it is a path where nothing is.

    Never by force: what the other has and this journal has not, stays.

    Args:
        folder: the data folder.
        url: of the other repository, or its path.
        credentials: the files that open it.

    Returns:
        The id of the newest commit that is there now.

    Raises:
        Invalid: the URL holds a password, or the repository something else (`not_ours`).
        GitFailed: it could not be pushed.
    """
    if _SECRET.match(url):
        raise Invalid(
            "a password in a URL is seen by others; use PROMPTSTAGE_GIT_TOKEN_FILE, or ssh with a key"
        )
    require(folder)
    upstream = Upstream(url, credentials)
    upstream.check()
    if upstream.local and not Path(upstream.address).exists():
        Git(Path(upstream.address)).init()
    with closing(Git(folder / REPOSITORY, config=upstream.config())) as git:
        head = tree.oid(git, BRANCH)
        try:
            git.run("push", "--quiet", "origin", f"{head}:{BRANCH}", timeout=COPY_SECONDS)
        except GitFailed as error:
            if "[rejected]" not in error.message:
                raise
            raise Invalid(
                f"{upstream.shown} holds what this journal does not, and was left alone; name a repository "
                "that is for this journal alone",
                code="not_ours",
            ) from error
    return head


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


def _unpack(staging: Path, file: Path, tell: Callable[[str], object]) -> Report:
    copy = staging / "backup.bundle"  # git's arguments are ours, whatever the file's name is
    shutil.copyfile(file, copy)
    with closing(Git(staging / REPOSITORY, config=DURABLE)) as git:
        git.init()
        try:
            git.run(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(copy.absolute()),
                f"{BRANCH}:{BRANCH}", timeout=COPY_SECONDS,
            )  # fmt: skip
        except GitFailed as error:
            raise _damaged(file, error.message) from error
    write_marker(staging, 0)
    report = verify(staging, tell)
    if report.problems:
        raise _damaged(file, "; ".join(report.problems[:3]))
    with suppress(OSError):
        copy.unlink()
    return report


def _damaged(file: Path, what: str) -> Unavailable:
    return Unavailable(f"{file} is damaged, and nothing was restored: {what}", code="journal_damaged")
