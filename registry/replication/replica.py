"""This process's copy of the journal, kept up to date with the others.

A change is committed, then told: adopted here, brought to the Redis store, published. Whoever is told looks
for itself, so a lost word delays a registry by a second and never misleads it.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from threading import Lock, RLock
from typing import TYPE_CHECKING

from registry.access.tokens import Keyring
from registry.errors import Invalid, Unavailable
from registry.journal import position
from registry.journal.directory import LOCK_SECONDS
from registry.journal.position import is_newer
from registry.replication.bootstrap import bootstrap
from registry.rollouts.position import NOWHERE, Position
from registry.system import failpoints
from registry.system.formats import NEWER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from registry.journal.change import Change
    from registry.journal.journal import Journal
    from registry.journal.reader import Entry
    from registry.replication.read_model import ReadModel
    from registry.replication.redis_store import RedisStore

logger = logging.getLogger(__name__)

SOON_SECONDS = 2.5  # to look where Redis tells nothing: a second until the next look, and what that takes
AGAIN_SECONDS = 0.05  # between tries, until it is time for a look
STRANGER = ". Or is it another installation's? Two on one Redis need a PROMPTSTAGE_REDIS_PREFIX of their own"


class Replica:
    """This process's copy of the journal; safe to use from any thread.

    Attributes:
        view: all states and their releases.
        keyring: the tokens.
        problem: why changes cannot be written now, or None.
        unwritten: why the last change that was tried could not be written, or the next one will not; or None.
        board_problem: why Redis cannot be brought up to date now, or None.
        newest_at: when the newest change was made, as far as there is one.
        checked_at: when the journal and the Redis store were looked at last, by `time.monotonic`.
        listeners: told of each change that was made durable here, and of the seconds which that took.
    """

    def __init__(self, journal: Journal, redis_store: RedisStore, read_model: ReadModel) -> None:
        self.read_model = read_model
        self.keyring = Keyring()
        self.problem: Unavailable | None = None
        self.unwritten: Unavailable | None = None
        self._full: Unavailable | None = None  # what the disk said last
        self.newest_at: datetime | None = None
        self.checked_at = 0.0
        self.redis_problem: Unavailable | None = None
        self.listeners: list[Callable[[Change, float], None]] = []
        self._journal = journal
        self._redis_store = redis_store
        self._head = NOWHERE  # of the journal; that of the view is ahead if Redis has seen more
        self._commits: list[str] = []  # by seq
        self._known_at = 0.0  # monotonic: what was acknowledged by then is known
        self._changing = RLock()  # held by one writer at a time, also while it waits for other processes
        self._following = RLock()  # held for moments only: who reads must not wait for who writes
        self._looking = Lock()

    def open(self, token_file: Path) -> bool:
        """Read the journal, or begin one in an empty folder, as `bootstrap` does: whether it is new.

        Raises:
            Unavailable: a journal cannot be begun; nothing of it is left, so it can be tried again. Or it is
                a newer registry's (`newer_format`).
        """
        with self._changing:
            new = bootstrap(self._journal, self._redis_store, token_file)
        self.reconcile()
        if self.problem and self.problem.code == NEWER:
            raise self.problem
        if self.misdated:
            logger.error("%s", self.misdated.message, extra={"event": "journal.ahead"})
        return new

    # Keeping up

    def reconcile(self) -> None:
        """Adopt what is new in the journal, and bring the Redis store up to it. Raises nothing."""
        with self._looking:
            self._reconcile(wanted=False)

    def _reconcile(self, *, wanted: bool) -> None:
        """Do so, one at a time; `wanted`: somebody waits to know what others did."""
        began = time.monotonic()
        problem = self._try_follow()
        told = self.catch_up()  # a Redis that hangs must not keep a writer from the journal
        seen = self.read_model.newest
        if self._journal.is_due(seen if is_newer(seen, self._head) else None, alone=not told, wanted=wanted):
            problem = self._refresh_journal()
        if problem is None and self._behind(seen):
            problem = self._try_follow()  # another registry may have written in between
        if problem and not self.keyring and self.read_model.states():
            with suppress(Unavailable), self._following:  # who has a token may read what Redis holds
                self.keyring.replace(self._journal.tokens())
        self._settle(problem or self._journal.trouble or self._behind(seen))
        self._check_disk()
        told = told and self._journal.notified and not is_newer(seen, self._head)
        if self.problem is None and (told or self._journal.looked_at >= began):
            self._known_at = began
        self.checked_at = time.monotonic()

    @property
    def misdated(self) -> Unavailable | None:
        """Why clients may ignore what is served: the journal's epoch lies in the future."""
        return position.misdated(self._head[0], self._journal.recovery)

    def adopt_local(self) -> None:
        """Adopt what other processes of this data folder wrote: a few microseconds if there is nothing."""
        if not self.is_current:
            self._try_follow()

    def refresh(self, since: float) -> None:
        """Know what was acknowledged before a time, as far as that can be known soon; before a definite no.

        Any number of askers share one look, so that strangers cannot make the registry look for ever. Raises
        nothing.

        Args:
            since: by `time.monotonic`.
        """
        self.adopt_local()
        deadline = time.monotonic() + SOON_SECONDS
        while not (self._journal.sure or self.problem or self._known_at >= since):
            if not self._looking.acquire(timeout=max(0.0, deadline - time.monotonic())):
                return
            try:
                if self._known_at < since:
                    self._reconcile(wanted=True)
            finally:
                self._looking.release()
            if self._known_at < since:
                if time.monotonic() >= deadline:
                    return
                time.sleep(AGAIN_SECONDS)

    @property
    def is_current(self) -> bool:
        """Whether this process has all that is in the journal of its data folder."""
        return bool(self._commits) and self._journal.is_newest(self._commits[-1])

    def _refresh_journal(self) -> Unavailable | None:
        """Refresh a copy of the journal. Nobody waits for this but who wants to write."""
        try:
            with self._journal.lock() as lock:
                self._journal.refresh(lock)
        except Unavailable as error:  # if it is busy, a writer refreshes it
            return self.problem if error.code == "busy" else error
        return self._try_follow()

    def _check_disk(self) -> None:
        """Tell whether the disk takes a change: by what it says, and by a try if it did not take the last.

        What a host did not take, which registries share a journal at, is known by the next change alone.
        """
        found = self._journal.check_room(write=self.unwritten is not None)
        if found or self._journal.sure or self.unwritten is self._full:
            self.unwritten = found
        self._full = found

    def _settle(self, problem: Unavailable | None) -> None:
        if problem and not self.problem:
            logger.error("changes cannot be written: %s", problem.message, extra={"event": "journal.broken"})
        elif self.problem and not problem:
            logger.info("changes can be written again", extra={"event": "journal.mended"})
        self.problem = problem

    def _try_follow(self) -> Unavailable | None:
        try:
            self._follow()
        except Unavailable as error:
            return error
        return None

    def catch_up(self) -> bool:
        """Bring the Redis store up to the head; whether it is there now."""
        try:
            there = self._redis_store.catch_up(self.read_model.head, self.read_model.since)
            if is_newer(there, self.read_model.head):
                self.read_model.adopt(*self._redis_store.news(self.read_model.head, there))
        except Unavailable as error:
            if self.redis_problem is None:
                logger.warning(
                    "%s; it is brought up to date when it is back",
                    error.message,
                    extra={"event": "redis.down"},
                )
            self.redis_problem = error
            return False
        except Exception as error:  # the change is in the journal: nothing here may undo its answer
            logger.exception("Redis could not be brought up to date")
            self.redis_problem = Unavailable(
                f"Redis holds something unexpected: {error}", code="redis_unavailable"
            )
            return False
        if self.redis_problem is not None:
            logger.info("Redis is back, and up to date", extra={"event": "redis.up"})
        self.redis_problem = None
        return True

    def _follow(self) -> None:
        with self._following:
            news = self._journal.since(self._commits[-1]) if self._commits else None
            if news is None:
                return self._reload()
            for entry in news:
                self._adopt(entry)
            return None

    def _reload(self) -> None:
        contents = self._journal.load()
        self._head = contents.head.change.position
        self.newest_at = contents.head.change.at
        self._commits = contents.commits
        if not is_newer(self.read_model.head, self._head):  # an old copy lets in who was shut out since
            self.keyring.replace(contents.tokens)
        self.read_model.adopt(self._head, contents.states)

    def _adopt(self, entry: Entry) -> None:
        with self._following:
            if self.holds(entry):  # a thread that follows may have seen it before the one that wrote it
                return
            self._commits.append(entry.commit)
            self._head = entry.change.position
            self.newest_at = entry.change.at
            if entry.change.token:
                self.keyring.put(entry.change.token)
            state = entry.change.state
            self.read_model.adopt(entry.change.position, [state] if state else [])

    def _behind(self, seen: Position) -> Unavailable | None:
        """Why nothing can be written if the journal lacks what was seen before it was looked at."""
        if not is_newer(seen, self._head):
            return None
        return Unavailable(
            f"the journal is at {self._head}, but {seen} was acknowledged already: it is an "
            f"old copy. Put the newest journal.git back, or go on from what Redis holds: "
            f"{self._journal.recovery()}, with the --redis-url of the registry, if it was given one"
            + (STRANGER if self._head.epoch != seen.epoch else ""),
            code="journal_behind",
        )

    # Writing

    @contextmanager
    def writing(self, *, sure: bool = True) -> Iterator[int]:
        """Hold the right to write, with everything adopted that others wrote; yields what `write` wants.

        Args:
            sure: False: what others wrote elsewhere a moment ago may be missing, which `write` finds out.

        Raises:
            Unavailable: the journal cannot be written, or another process writes all the time.
        """
        if not self._changing.acquire(timeout=LOCK_SECONDS):
            raise Unavailable("others keep writing; try again", code="busy")
        try:
            with self._journal.lock() as lock:  # under it the journal is looked at again: it may be mended
                seen = self.read_model.head
                self._journal.refresh(lock, sure=sure)
                self._follow()
                if behind := self._behind(seen):
                    raise behind
                yield lock
        except Unavailable as error:
            self.unwritten = error if error.code == "journal_unwritable" else self.unwritten
            raise
        finally:
            self._changing.release()
        failpoints.reach(failpoints.UNLOCKED)

    @property
    def is_sure(self) -> bool:
        """Whether what is adopted while writing is all there is, without a look elsewhere."""
        return self._journal.sure

    def holds(self, entry: Entry) -> bool:
        """Whether a change was adopted, from that very commit."""
        seq = entry.change.seq
        return seq < len(self._commits) and self._commits[seq] == entry.commit

    def next_position(self) -> Position:
        """Where the next change stands; right only while writing."""
        return Position(self._head.epoch, self._head.seq + 1)

    def write(self, lock: int, change: Change, files: Mapping[str, bytes]) -> Entry:
        """Commit a change and adopt it; for `commit_with_retry` alone, which goes by what it raises.

        Raises:
            Unavailable: it is not in the journal.
            Unsettled: it may be there.
        """
        began = time.perf_counter()
        entry = self._journal.write(lock, self._commits[-1], change, files)
        self.unwritten = None
        self._adopt(entry)
        failpoints.reach(failpoints.ADOPTED)
        self.notify(change, began)
        return entry

    def notify(self, change: Change, began: float) -> None:
        """Tell the listeners of a change that is durable; `began` as of `time.perf_counter`."""
        for listener in self.listeners:
            listener(change, time.perf_counter() - began)

    def apply(self) -> bool:
        """Bring the Redis store up to what was written; whether it is there.

        A Redis known to be down is left to the reconcile, so that it delays nobody twice.
        """
        return self.redis_problem is None and self.catch_up()

    def redis_time(self) -> datetime:
        """What the clock of Redis shows. Raises Unavailable without it."""
        return self._redis_store.time()

    # Looking back

    @property
    def commits(self) -> list[str]:
        """The journal's commits by seq, as far as they are known; not to be changed."""
        return self._commits

    def entry(self, seq: int) -> Entry:
        """The change with a number. Raises Unavailable if the journal cannot be read."""
        if seq >= len(self._commits):
            self.follow_told()
        if seq >= len(self._commits):
            raise self.problem or Unavailable("the journal does not have that change", code="journal_behind")
        return self._journal.entry(self._commits[seq])

    def follow_told(self) -> None:
        """Have all in the journal's copy that Redis told of, which may be faster. Raises Unavailable."""
        self.adopt_local()
        told = self.read_model.newest
        if is_newer(told, self._head):
            self.refresh(time.monotonic())
        if is_newer(told, self._head):
            raise self.problem or Unavailable(
                f"the newest change, {told}, is not in the journal's copy yet; try again", code="busy"
            )

    def staged(self, name: str, version: str) -> bytes | None:
        """The bytes that a version was staged with, if it ever was."""
        return self._journal.staged(name, version)

    def was_requested(self, scope: str | None) -> bool:
        """Whether an idempotency key was used; `scope` as in `request`."""
        return scope is not None and self._journal.request(scope) is not None

    def request(self, scope: str | None, body: str) -> Entry | None:
        """The change that a request was answered with before, if it was.

        Args:
            scope: what its idempotency key is unique in, as a hash; None: it has no key.
            body: a hash of what must be the same when the key comes again.

        Raises:
            Invalid: it is not the same (`idempotency_mismatch`).
        """
        record = self._journal.request(scope) if scope else None
        if record is None:
            return None
        if record["body"] != body:
            raise Invalid(
                "this Idempotency-Key was used with another body; use a new key", code="idempotency_mismatch"
            )
        return self.entry(int(str(record["seq"])))
