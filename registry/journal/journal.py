"""The journal: a git repository in which every acknowledged change is one commit.

A commit has the record of its change (``change.json``), the new state, and the bytes of a version that is
staged for the first time. Nothing is ever parsed back out of a commit's message.
"""

from __future__ import annotations

import json
import re
import shutil
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from registry.access.tokens import Token
from registry.errors import GitFailed, RegistryError, Unavailable
from registry.git import repository
from registry.git.command import Git
from registry.journal import change as at
from registry.journal import tree
from registry.journal.change import Change
from registry.journal.directory import (
    REPOSITORY,
    check_there,
    command,
    damaged,
    refusal,
    refuse_others,
    right_to_write,
    was_created,
    write_marker,
)
from registry.journal.fast_import import BRANCH, PROPOSED, Folders, import_stream
from registry.journal.reader import Contents, Reader, readable
from registry.rollouts.state import State
from registry.system import failpoints, formats, timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from registry.journal.reader import Entry
    from registry.rollouts.position import Position
    from registry.suites.attestation import Attestation

WRITE_SECONDS = 10.0  # one small commit takes some 10 ms; a disk that needs longer is failing
WALK_LIMIT = 1000  # above this many new changes the whole journal is loaded
DURABLE = ("core.fsync=all", "core.fsyncMethod=fsync", "fastimport.unpackLimit=1000")


class InDoubt(Exception):
    """The shared journal may or may not have taken a change; the next fetch shows which.

    Attributes:
        entry: the change, as it is in the journal if it was taken.
        refusal: why a repeat would fail too; None: it may succeed, as another writer was faster.
    """

    def __init__(self, entry: Entry, refusal: Unavailable | None) -> None:
        super().__init__(f"change {entry.change.seq} may be in the journal, or not")
        self.entry = entry
        self.refusal = refusal


class Journal(ABC):
    """The journal in one data folder; its errors are `Unavailable` with a code.

    `LocalJournal` is complete in itself; `RemoteJournal` is a copy of one that registries share.

    Attributes:
        sure: whether what is here is all there is, without asking elsewhere.
        notified: whether Redis reports all changes that are made elsewhere.
        looked_at: when the last complete refresh began, by `time.monotonic`.
        trouble: why the shared journal cannot be reached now; None for a local one.
    """

    sure: bool
    notified: bool
    looked_at: float = 0.0
    trouble: Unavailable | None = None
    _ref: str

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._repository = folder / REPOSITORY
        self._git = Git(self._repository, config=DURABLE)
        self._reader = Reader(folder, self._git)
        self._folders = Folders(self._repository)
        self._swept = False

    def close(self) -> None:
        """End the idle git processes."""
        self._git.close()

    def lock(self) -> AbstractContextManager[int]:
        """Hold the lock for writing; yield the descriptor that `write` and `create` take.

        Raises:
            Unavailable: other processes keep writing (`busy`), or the disk cannot be written
                (`journal_unwritable`).
        """
        return right_to_write(self._folder)

    def recovery(self) -> str:
        """Return the command that recovers this journal."""
        return command(self._folder, "recover")

    # Reading

    def head(self) -> Entry:
        """Return the newest change. Raises Unavailable (`journal_missing`, `journal_damaged`)."""
        check_there(self._folder)
        return self._reader.entry(BRANCH)

    def is_newest(self, commit: str) -> bool:
        """Return whether a commit is still the newest; costs no more than reading a small file."""
        try:
            return (self._repository / BRANCH).read_bytes().strip() == commit.encode()
        except OSError:  # also if git has the branch in another file
            return False

    def load(self) -> Contents:
        """Load everything that a process has in memory. Raises Unavailable."""
        head = self.head()
        self._sync()
        with readable(self._folder):
            paths = tree.paths(self._git, head.commit, at.STATES, at.TOKENS)
            return Contents(
                head=head,
                commits=tree.history(self._git, head.commit),
                states=[State.model_validate_json(data) for data in self._reader.below(paths, at.STATES)],
                tokens=[Token.model_validate_json(data) for data in self._reader.below(paths, at.TOKENS)],
            )

    def tokens(self) -> list[Token]:
        """Load only the tokens, so that reads work although other data is damaged. Raises Unavailable."""
        with readable(self._folder):
            paths = tree.paths(self._git, self.head().commit, at.TOKENS)
            return [Token.model_validate_json(data) for data in self._reader.below(paths, at.TOKENS)]

    def since(self, known: str) -> list[Entry] | None:
        """Return the changes after a known commit, oldest first; None if it is too far back or no ancestor.

        They are made durable before they are returned: their writer may have died between moving the branch
        and syncing it.
        """
        entry = self.head()
        found: list[Entry] = []
        while entry.commit != known:
            found.append(entry)
            if entry.change.seq == 0 or len(found) > WALK_LIMIT:
                return None
            entry = self._reader.entry(f"{entry.commit}^")
        if found:
            self._sync()
        return found[::-1]

    def entry(self, commit: str) -> Entry:
        """Return the change of a commit."""
        return self._reader.entry(commit)

    def changes(self, commits: Sequence[str]) -> Iterator[Change]:
        """Yield the changes of some commits, for a fraction of the cost of each alone."""
        return self._reader.changes(commits)

    def staged(self, name: str, version: str) -> bytes | None:
        """Return the bytes of a staged version; None if it never was staged, or cannot be read now."""
        try:
            found = self._reader.read_object(f"{BRANCH}:{at.content_path(name, version)}")
        except Unavailable:
            return None
        return found.data if found else None

    def attestations(self, prompt: str, digest: str) -> tuple[Attestation, ...]:
        """Return the attestations that are kept of a prompt's digest. Raises Unavailable."""
        with readable(self._folder):
            found = self._reader.read_object(f"{BRANCH}:{at.attestations_path(prompt, digest)}")
            return at.parse_attestations(found.data) if found else ()

    def request(self, scope: str) -> dict[str, object] | None:
        """Return the record of an idempotency key, if it was used."""
        for path in at.request_paths(scope):
            if found := self._reader.read_object(f"{BRANCH}:{path}"):
                return dict(json.loads(found.data))
        return None

    # Sharing

    @abstractmethod
    def is_due(self, announced: Position | None, *, alone: bool, wanted: bool = False) -> bool:
        """Return whether a `refresh` is due, with nothing to write.

        Args:
            announced: the newest change that Redis reports, if it is not here.
            alone: Redis reports nothing.
            wanted: a caller waits for what a refresh finds.
        """

    @abstractmethod
    def refresh(self, lock: int, *, sure: bool = True) -> None:
        """Bring the copy up to date with the shared journal, or nearly, if not `sure`. Raises Unavailable."""

    @abstractmethod
    def join(self, lock: int) -> bool:
        """Copy the shared journal into a folder without one; return whether it exists."""

    # Writing, under the lock

    def create(self, lock: int, epoch: int, files: Mapping[str, bytes]) -> Entry:
        """Create a journal in an empty folder; the marker comes last, so half a journal does not count."""
        shutil.rmtree(self._repository, ignore_errors=True)
        self._git.init()
        failpoints.reach(failpoints.INITIALISED)
        change = Change(
            format=formats.NEWEST, epoch=epoch, seq=0, at=timestamps.now(), actor="registry", op="create"
        )
        entry = self.write(lock, None, change, files)
        failpoints.reach(failpoints.BEGUN)
        write_marker(self._folder, epoch, change.format)
        return entry

    def exists(self) -> bool:
        """Return whether a journal was created here, in whatever condition it is now."""
        return was_created(self._folder)

    def check_empty(self) -> None:
        """Require a folder with nothing in it but the leftovers of an interrupted start.

        Raises:
            Unavailable: it has other files (`journal_missing`).
        """
        try:
            used = self._repository.exists() and self._reader.entry(BRANCH).change.seq > 0
        except Unavailable:
            used = (self._repository / BRANCH).exists()  # damaged, but not a leftover
        refuse_others(self._folder, used=used)

    def write(self, lock: int, parent: str | None, change: Change, files: Mapping[str, bytes]) -> Entry:
        """Commit a change durably: when this returns, it survives a power cut.

        Args:
            lock: the descriptor that `lock` yielded; the git child inherits it.
            parent: the head that the change was decided on; None for the journal's first.
            change: its record; `seq` follows that of the parent.
            files: paths and contents of the other changed files.

        Raises:
            Unavailable: it could not be written, and is not there.
            InDoubt: it may be there, or not; only of a journal that registries share.
        """
        return self.write_all(lock, parent, [(change, files)], timeout=WRITE_SECONDS)

    def write_all(
        self,
        lock: int,
        parent: str | None,
        changes: Sequence[tuple[Change, Mapping[str, bytes]]],
        *,
        timeout: float,
    ) -> Entry:
        """Commit changes as `write` does, all or none; return the last one."""
        self._commit(lock, self._ref, parent, changes, timeout)
        return self._publish(lock, parent)

    @abstractmethod
    def _publish(self, lock: int, parent: str | None) -> Entry:
        """Make what was committed to `_ref` the journal's newest change, durably; raises as `write` does."""

    def _commit(
        self,
        lock: int,
        ref: str,
        parent: str | None,
        changes: Sequence[tuple[Change, Mapping[str, bytes]]],
        timeout: float,
    ) -> None:
        data = b"".join(import_stream(ref, parent, changes))
        failpoints.reach(failpoints.DECIDED)
        for again in (True, False):
            try:
                return self._import(lock, ref, data, timeout)
            except (GitFailed, OSError) as error:
                self._swept = False
                # Only the branch shows whether it succeeded: git can fail after it moved it.
                if self._holds(ref, changes[-1][0]):
                    return None
                if not (again and isinstance(error, GitFailed) and error.code == "git_killed"):
                    raise _unwritten(self._folder, error) from error
        return None

    def _import(self, lock: int, ref: str, data: bytes, timeout: float) -> None:
        force = ("--force",) if ref == PROPOSED else ()  # an earlier proposal may not have been taken
        self._clear_leftovers()
        self._git.run(
            "fast-import", "--quiet", "--done", "--date-format=raw", *force,
            data=data, timeout=timeout, pass_fds=(lock,),
        )  # fmt: skip

    def _holds(self, ref: str, change: Change) -> bool:
        try:
            return self._reader.entry(ref).change == change
        except RegistryError:
            return False

    def check_room(self, *, write: bool = False) -> Unavailable | None:
        """Return why no change could be written to this disk now; `write`: test by writing as much as one."""
        return refusal(self._folder, write=write)

    def _clear_leftovers(self) -> None:
        """Remove the leftovers of a failed git: no other process can be writing while we hold the lock.

        Lock files each time, as they stop git; unfinished files at the start and after a failure.
        """
        for ref in (BRANCH, PROPOSED, "HEAD"):  # git locks HEAD too when it moves the branch behind it
            (self._repository / f"{ref}.lock").unlink(missing_ok=True)
        for report in self._repository.glob("fast_import_crash_*"):
            report.unlink(missing_ok=True)
        if not self._swept:
            repository.sweep(self._repository)
            self._swept = True

    def _sync(self) -> None:
        try:
            self._folders.sync()
        except OSError as error:
            raise Unavailable(
                f"the journal may not be on the disk: {error}; repeat it with the same Idempotency-Key",
                code="journal_unwritable",
            ) from error


_DAMAGE = re.compile("corrupt|inflate|[Cc]an't load|missing object|bad object")  # git's messages for it


def _unwritten(folder: Path, error: Exception) -> Unavailable:
    if isinstance(error, GitFailed) and not error.passing and _DAMAGE.search(error.words):
        return damaged(folder, error.message)
    return Unavailable(
        f"the change was not written: {error}; "
        + ("try again" if _passes(error) else "see that the data folder's disk has room and is writable"),
        code="journal_unwritable",
    )


def _passes(error: Exception) -> bool:
    return isinstance(error, GitFailed) and error.passing
