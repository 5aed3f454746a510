"""The journal's mirror: another git repository to which the journal is pushed, never by force.

Two small files in the data folder belong to it, each with one writer: the mirror's address, set by the
operator, and its status, written by the last process to push. Neither ever holds a secret.
"""

from __future__ import annotations

import json
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from registry.errors import GitFailed, Invalid, Unavailable
from registry.git.command import Git
from registry.git.diagnosis import explain
from registry.git.remote import Remote, refusal
from registry.journal import tree
from registry.journal.directory import LOCK_SECONDS, REPOSITORY, command, require
from registry.journal.fast_import import BRANCH
from registry.journal.maintenance.backup import COPY_SECONDS, take
from registry.journal.position import is_newer
from registry.system import timestamps
from registry.system.files import write_durably
from registry.system.locks import locked
from registry.system.text import holds_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from registry.errors import RegistryError
    from registry.git.remote import Credentials
    from registry.rollouts.position import Position

FILE = "journal-mirror.json"
STATUS = "journal-mirror.status.json"
LOCK = "journal-mirror.lock"
FETCHED = ".journal.fetched"  # in the data folder; left behind by an interrupted recovery


class Status(BaseModel):
    """The status of a mirror.

    Attributes:
        url: the mirror's address.
        commit, epoch, seq: its newest change; None: nothing was pushed there yet.
        pushed_at: the time of that push.
        tried_at: the time of the last attempt.
        error: why that failed, if it did.
        failures: how many attempts failed in a row.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    commit: str | None = None
    epoch: int = 0
    seq: int = -1
    pushed_at: AwareDatetime | None = None
    tried_at: AwareDatetime
    error: str | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Lag:
    """The lag of a mirror: how many changes it misses, and the age in seconds of the oldest of them."""

    status: Status
    changes: int
    seconds: float


def remembered(folder: Path) -> str | None:
    """Return the mirror of a data folder's journal, if there is one."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((folder / FILE).read_bytes())["url"])
    return None


def remember(folder: Path, url: str) -> None:
    """Set the mirror of a data folder's journal, for every registry there. Raises OSError."""
    write_durably(folder / FILE, json.dumps({"url": url}).encode())


def forget(folder: Path) -> str | None:
    """Stop mirroring; return the former mirror."""
    url = remembered(folder)
    for name in (FILE, STATUS):
        (folder / name).unlink(missing_ok=True)
    return url


def status(folder: Path, url: str) -> Status:
    """Return the status of a mirror after the last attempt; without an attempt it has no commit."""
    with suppress(OSError, ValidationError):
        found = Status.model_validate_json((folder / STATUS).read_bytes())
        if found.url == url:
            return found
    return Status(url=url, tried_at=timestamps.now())


def lag(folder: Path, newest: Position, made_at: Callable[[int], datetime]) -> Lag | None:
    """Return the lag of a data folder's mirror; None: it has no mirror.

    Args:
        folder: the data folder.
        newest: the journal's newest change, as ``(epoch, seq)``.
        made_at: returns the time of a change by its number; may raise Unavailable.
    """
    url = remembered(folder)
    if url is None:
        return None
    known = status(folder, url)
    if not is_newer(newest, (known.epoch, known.seq)):
        return Lag(known, 0, 0.0)
    first = known.seq + 1 if known.seq < newest[1] else 0  # the mirror has nothing of a new journal
    try:
        since = made_at(first)
    except Unavailable:  # the journal cannot be read now; this is about as old
        since = known.pushed_at or known.tried_at
    return Lag(known, newest[1] - first + 1, max(0.0, (timestamps.now() - since).total_seconds()))


def push(
    folder: Path, url: str, credentials: Credentials, *, timeout: float = COPY_SECONDS, begin: bool = False
) -> Status:
    """Push a journal to its mirror, and record the mirror's status.

    Never by force: changes that only the mirror has stay there.

    Args:
        folder: the data folder.
        url: of the other repository, or its path.
        credentials: those of a private one.
        timeout: seconds after which the push is ended.
        begin: create the repository, if its path is empty and it was not pushed to before: a known mirror's
            disk may only be unmounted.

    Raises:
        Invalid: the URL holds a password, it is in the data folder itself, or the repository holds something
            else (`not_ours`).
        GitFailed: it could not be pushed.
        Unavailable: there is no journal, or another process is pushing it (`busy`).
    """
    require(folder)
    check(url)
    upstream = Remote(url, credentials)
    if upstream.local and Path(upstream.address).resolve().is_relative_to(folder.resolve()):
        raise Invalid(f"{upstream.shown} is lost with the data folder that it is in; name a place elsewhere")
    with locked(folder / LOCK, wait=LOCK_SECONDS) as lock:
        new = begin and upstream.local and upstream.address != remembered(folder)
        if new and not Path(upstream.address).exists():
            _begin(Path(upstream.address))
        with closing(Git(folder / REPOSITORY, config=upstream.config())) as git:
            try:
                return push_with(git, folder, upstream, lock, timeout=timeout)
            except (Invalid, Unavailable) as error:
                note_failure(folder, upstream.address, error)
                raise


def push_with(git: Git, folder: Path, upstream: Remote, lock: int, *, timeout: float) -> Status:
    """Push as `push` does, with a git that the caller may end and the lock held."""
    check(upstream.address)
    upstream.check()
    if upstream.local and not Path(upstream.address).exists():
        raise Unavailable(
            f"there is no {upstream.shown}; if it is on a disk of its own, mount that", code="mirror_missing"
        )
    commit = tree.oid(git, BRANCH)
    newest = tree.record(git, commit)
    try:
        git.run("push", "--quiet", "origin", f"{commit}:{BRANCH}", timeout=timeout, pass_fds=(lock,))
    except GitFailed as error:
        raise _explained(folder, upstream, error) from error
    now = timestamps.now()
    done = Status(
        url=upstream.address,
        commit=commit,
        epoch=newest.epoch,
        seq=newest.seq,
        pushed_at=now,
        tried_at=now,
    )
    _save(folder, done)
    return done


def note_failure(folder: Path, url: str, error: RegistryError) -> None:
    """Record why a push failed; a failure of another repository is ignored."""
    if remembered(folder) == url:
        before = status(folder, url)
        failed = {"tried_at": timestamps.now(), "error": error.message, "failures": before.failures + 1}
        _save(folder, before.model_copy(update=failed))


def check(url: str) -> None:
    """Check that a mirror's address may be stored and shown. Raises Invalid."""
    if holds_secret(url):
        raise Invalid(
            "a password in a URL is seen by others; use PROMPTSTAGE_GIT_TOKEN_FILE, or ssh with a key"
        )


@contextmanager
def fetched(
    folder: Path, url: str, credentials: Credentials, progress: Callable[[str], object]
) -> Iterator[Path]:
    """Yield a folder with a verified copy of a mirror, removed after the block.

    Raises:
        Invalid: the URL holds a password.
        Unavailable: it cannot be read, or it has no journal, or a damaged one.
    """
    check(url)
    upstream = Remote(url, credentials)
    upstream.check()
    staging = folder / FETCHED
    rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        progress("fetching the mirror")
        try:
            report = take(staging, "origin", progress, config=upstream.config())
        except GitFailed as error:
            raise Unavailable(
                f"the mirror {upstream.shown} cannot be read: {explain(upstream, error).message}",
                code="mirror_unreadable",
            ) from error
        if report.problems:
            raise Unavailable(
                f"what the mirror {upstream.shown} holds is no whole journal: {report.problems[0]}",
                code="mirror_damaged",
            )
        yield staging
    finally:
        rmtree(staging, ignore_errors=True)


def _begin(path: Path) -> None:
    with closing(Git(path)) as git:
        git.init()
        git.run("config", "core.fsync", "all")  # pushed changes survive a power cut there, too


def _explained(folder: Path, upstream: Remote, error: GitFailed) -> RegistryError:
    if "[rejected]" not in error.words:
        explained = explain(upstream, error)
        return (
            explained
            if explained is error
            else refusal(f"{explained.message}. To be pushed to, it must let that write")
        )
    return Invalid(
        f"{upstream.shown} holds what this journal does not, and was left alone. If it is another "
        f"journal's, name a repository that is for this one alone ({command(folder, 'mirror URL')}); "
        f"if this is an old copy, go on from what is there ({command(folder, 'recover')})",
        code="not_ours",
    )


def _save(folder: Path, known: Status) -> None:
    with suppress(OSError):  # a full disk: the next push repeats it, without effect there
        write_durably(folder / STATUS, known.model_dump_json(indent=1).encode())
