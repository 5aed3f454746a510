"""The journal: a git repository in which every acknowledged change is one commit.

A commit holds the record of its change (``change.json``), the new state, and the bytes of a version
that is staged for the first time. Nothing is ever read back out of a commit's message.
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
    was_begun,
    write_marker,
)
from registry.journal.fast_import import BRANCH, PROPOSED, Folders, import_stream
from registry.journal.reader import Contents, Reader, readable
from registry.rollouts.state import State
from registry.system import failpoints, timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from registry.journal.reader import Entry
    from registry.rollouts.position import Position

WRITE_SECONDS = 10.0  # one small commit takes some 10 ms; a disk that needs longer is in trouble
WALK_LIMIT = 1000  # more changes than this at once are read as a whole journal
DURABLE = ("core.fsync=all", "core.fsyncMethod=fsync", "fastimport.unpackLimit=1000")


class InDoubt(Exception):
    """It is not known whether the journal that registries share took a change; the next look at it tells.

    Attributes:
        entry: the change, as it is there if it is there.
        refusal: why it will not take it another time either; None: it may, as others were faster.
    """

    def __init__(self, entry: Entry, refusal: Unavailable | None) -> None:
        super().__init__(f"change {entry.change.seq} may be in the journal, or not")
        self.entry = entry
        self.refusal = refusal


class Journal(ABC):
    """The journal in one data folder; a problem with it is an `Unavailable` with a code that says which.

    `LocalJournal` is all there is; `RemoteJournal` is a copy of one that registries share.

    Attributes:
        sure: whether what is here is all there is, without asking elsewhere.
        told: whether Redis reports all changes that are made elsewhere.
        looked_at: when the last complete refresh began, by `time.monotonic`.
        trouble: why what registries share cannot be reached now.
    """

    sure: bool
    told: bool
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
        """End the git processes that wait for questions."""
        self._git.close()

    def lock(self) -> AbstractContextManager[int]:
        """Hold the right to write; yields the descriptor that `write` and `create` want.

        Raises:
            Unavailable: others write all the time (`busy`), or the disk takes nothing (`journal_unwritable`).
        """
        return right_to_write(self._folder)

    def recovery(self) -> str:
        """The command that goes on from what is known, where this journal cannot."""
        return command(self._folder, "recover")

    # Reading

    def head(self) -> Entry:
        """The newest change. Raises Unavailable (`journal_missing`, `journal_damaged`)."""
        check_there(self._folder)
        return self._reader.entry(BRANCH)

    def is_newest(self, commit: str) -> bool:
        """Whether nothing was written here after a commit; costs no more than to read a small file."""
        try:
            return (self._repository / BRANCH).read_bytes().strip() == commit.encode()
        except OSError:  # also where git keeps the branch elsewhere
            return False

    def load(self) -> Contents:
        """Read everything that a process keeps in memory. Raises Unavailable."""
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
        """The tokens alone, for those who may read although other things are damaged. Raises Unavailable."""
        with readable(self._folder):
            paths = tree.paths(self._git, self.head().commit, at.TOKENS)
            return [Token.model_validate_json(data) for data in self._reader.below(paths, at.TOKENS)]

    def since(self, known: str) -> list[Entry] | None:
        """The changes after a known commit, oldest first; None if the head does not descend from it soon.

        What is found is made durable before it is returned: a writer that died between moving the
        branch and syncing it may have left it to us.
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
        """The change that a commit of this journal holds."""
        return self._reader.entry(commit)

    def changes(self, commits: Sequence[str]) -> Iterator[Change]:
        """The changes that some commits of this journal hold, for a fraction of what each costs alone."""
        return self._reader.changes(commits)

    def staged(self, name: str, version: str) -> bytes | None:
        """The bytes that a version was staged with, or None if it never was, or cannot be read now."""
        try:
            found = self._reader.read_object(f"{BRANCH}:{at.content_path(name, version)}")
        except Unavailable:
            return None
        return found.data if found else None

    def request(self, scope: str) -> dict[str, object] | None:
        """The record of an idempotency key, if it was used."""
        for path in at.request_paths(scope):
            if found := self._reader.read_object(f"{BRANCH}:{path}"):
                return dict(json.loads(found.data))
        return None

    # Sharing

    @abstractmethod
    def is_due(self, news: Position | None, *, alone: bool, wanted: bool = False) -> bool:
        """Return whether it is time to `refresh`, with nothing to write.

        Args:
            news: the newest change that Redis reports, if it is not here.
            alone: Redis reports nothing.
            wanted: a caller waits for what a refresh finds.
        """

    @abstractmethod
    def refresh(self, lock: int, *, sure: bool = True) -> None:
        """Bring what is here up to what registries share, or nearly, if not `sure`. Raises Unavailable."""

    @abstractmethod
    def join(self, lock: int) -> bool:
        """Copy what registries share into a folder without a journal; return whether there is any."""

    # Writing, under the lock

    def create(self, lock: int, epoch: int, files: Mapping[str, bytes]) -> Entry:
        """Begin a journal in an empty folder; the marker comes last, so that half a journal is none."""
        shutil.rmtree(self._repository, ignore_errors=True)
        self._git.init()
        failpoints.reach(failpoints.INITIALISED)
        change = Change(epoch=epoch, seq=0, at=timestamps.now(), actor="registry", op="create")
        entry = self.write(lock, None, change, files)
        failpoints.reach(failpoints.BEGUN)
        write_marker(self._folder, epoch)
        return entry

    def exists(self) -> bool:
        """Whether a journal was created here, whatever became of it."""
        return was_begun(self._folder)

    def check_empty(self) -> None:
        """Let a journal begin here only where nothing is but what a start that was cut off leaves.

        Raises:
            Unavailable: the folder holds other things (`journal_missing`).
        """
        try:
            used = self._repository.exists() and self._reader.entry(BRANCH).change.seq > 0
        except Unavailable:
            used = (self._repository / BRANCH).exists()  # damaged, but not one that was cut off
        refuse_others(self._folder, used=used)

    def write(self, lock: int, parent: str | None, change: Change, files: Mapping[str, bytes]) -> Entry:
        """Commit a change. When this returns, it survives a power cut.

        Args:
            lock: the descriptor that `lock` yielded; the git child holds it too.
            parent: the head that the change was decided on; None begins the journal.
            change: its record; `seq` follows that of the parent.
            files: paths and contents that change beside the record.

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
        """Commit changes, all or none of them; as `write`. Returns the last one."""
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
                # Only the branch tells whether it came through: git can fail after it moved it.
                if self._holds(ref, changes[-1][0]):
                    return None
                if not (again and isinstance(error, GitFailed) and error.code == "git_killed"):
                    raise _unwritten(self._folder, error) from error
        return None

    def _import(self, lock: int, ref: str, data: bytes, timeout: float) -> None:
        anew = ("--force",) if ref == PROPOSED else ()  # what was proposed before may have come to nothing
        self._clear_leftovers()
        self._git.run(
            "fast-import", "--quiet", "--done", "--date-format=raw", *anew,
            data=data, timeout=timeout, pass_fds=(lock,),
        )  # fmt: skip

    def _holds(self, ref: str, change: Change) -> bool:
        try:
            return self._reader.entry(ref).change == change
        except RegistryError:
            return False

    def check_room(self, *, write: bool = False) -> Unavailable | None:
        """Why no change could be written to this disk now; `write`: found out by writing as much as one."""
        return refusal(self._folder, write=write)

    def _clear_leftovers(self) -> None:
        """Remove what a git that failed left: nobody else can be writing while we hold the lock.

        The locks each time, as they stop git; what is unfinished at the start and after a failure.
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


_DAMAGE = re.compile("corrupt|inflate|[Cc]an't load|missing object|bad object")  # git's words for it


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
