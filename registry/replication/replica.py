"""This process's copy of the journal, kept up to date with other processes.

A change is committed, then announced: adopted here, written to the Redis store, published. A notified
registry reads for itself, so a lost notice delays it by a second and never misleads it.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from registry.access.tokens import Keyring
from registry.errors import Invalid, Unavailable
from registry.journal import position
from registry.journal.directory import LOCK_SECONDS
from registry.journal.position import is_newer
from registry.replication.bootstrap import bootstrap
from registry.replication.turn import Turn
from registry.rollouts.position import NOWHERE, Position
from registry.system import failpoints, formats
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
    from registry.suites.attestation import Attestation

logger = logging.getLogger(__name__)

SOON_SECONDS = 2.5  # for a refresh without Redis: a second until the next fetch, and its duration
AGAIN_SECONDS = 0.05  # between attempts, until a fetch is due
OTHER_INSTALLATION = (
    ". Or is it another installation's? Two on one Redis need a PROMPTSTAGE_REDIS_PREFIX of their own"
)


class Replica:
    """The journal as this process knows it; safe to use from any thread.

    Attributes:
        read_model: all states and their releases.
        keyring: the tokens.
        problem: why changes cannot be written now, or None.
        unwritten: why the last change could not be written, or the next one will not be; or None.
        redis_problem: why Redis cannot be brought up to date now, or None.
        checked_at: when the journal and the Redis store were last read, by `time.monotonic`.
        listeners: called with each change that was made durable here, and the seconds that it took.
    """

    def __init__(self, journal: Journal, redis_store: RedisStore, read_model: ReadModel) -> None:
        self.read_model = read_model
        self.keyring = Keyring()
        self.problem: Unavailable | None = None
        self.unwritten: Unavailable | None = None
        self._full: Unavailable | None = None  # the disk's last error
        self.checked_at = 0.0
        self.redis_problem: Unavailable | None = None
        self.listeners: list[Callable[[Change, float], None]] = []
        self._journal = journal
        self._redis_store = redis_store
        self._newest: Change | None = None  # of the journal
        self._head = NOWHERE  # of the journal; the read model's is ahead if Redis has more
        self._commits: list[str] = []  # by seq
        self._known_at = 0.0  # monotonic: everything acknowledged before is known
        self._changing = RLock()  # held by one writer at a time, also while it waits for other processes
        self._following = RLock()  # held only briefly: readers must not wait for writers
        self._looking = Lock()

    def open(self, token_file: Path) -> bool:
        """Open the journal, or create one in an empty folder as `bootstrap` does; return whether it is new.

        Raises:
            Unavailable: a journal cannot be created; nothing of it is left, so it can be tried again. Or it
                is a newer registry's (`newer_format`).
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
        """Adopt new changes of the journal, and bring the Redis store up to date. Raises nothing."""
        with self._looking:
            self._reconcile(wanted=False)

    def _reconcile(self, *, wanted: bool) -> None:
        """Reconcile, one thread at a time; `wanted`: a request waits for the changes of others."""
        began = time.monotonic()
        problem = self._try_follow()
        notified = self.catch_up()  # outside the lock: a hanging Redis must not block a writer
        seen = self.read_model.newest
        if self._journal.is_due(
            seen if is_newer(seen, self._head) else None, alone=not notified, wanted=wanted
        ):
            problem = self._refresh_journal()
        if problem is None and self._behind(seen):
            problem = self._try_follow()  # another registry may have written meanwhile
        if problem and not self.keyring and self.read_model.states():
            with suppress(Unavailable), self._following:  # so that tokens can read the states in Redis
                self.keyring.replace(self._journal.tokens())
        self._settle(problem or self._journal.trouble or self._behind(seen))
        self._check_disk()
        notified = notified and self._journal.notified and not is_newer(seen, self._head)
        if self.problem is None and (notified or self._journal.looked_at >= began):
            self._known_at = began
        self.checked_at = time.monotonic()

    @property
    def misdated(self) -> Unavailable | None:
        """Return why clients may ignore the releases: the journal's epoch lies in the future."""
        return position.misdated(self._head[0], self._journal.recovery)

    def adopt_local(self) -> None:
        """Adopt the writes of this data folder's other processes: a few microseconds if there are none."""
        if not self.is_current:
            self._try_follow()

    def refresh(self, since: float) -> None:
        """Learn of changes acknowledged before a time, if possible soon; for use before a definite no.

        Concurrent callers share one fetch, so that unknown tokens cannot keep the registry fetching. Raises
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
        """Return whether this process has everything in the journal of its data folder."""
        return bool(self._commits) and self._journal.is_newest(self._commits[-1])

    def _refresh_journal(self) -> Unavailable | None:
        """Refresh a copy of the journal. Only writers wait for this."""
        try:
            with self._journal.lock() as lock:
                self._journal.refresh(lock)
        except Unavailable as error:  # `busy`: a writer refreshes it
            return self.problem if error.code == "busy" else error
        return self._try_follow()

    def _check_disk(self) -> None:
        """Check that the disk takes a change: by its statistics, and by a test write if the last one failed.

        A change that a shared journal's host refused is only retried by the next change.
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
        """Bring the Redis store up to the head; return whether it is."""
        try:
            there = self._redis_store.catch_up(self.read_model.head, self.read_model.since, self.format)
            if is_newer(there, self.read_model.head):
                self.read_model.adopt(*self._redis_store.changes_since(self.read_model.head, there))
        except Unavailable as error:
            if self.redis_problem is None:
                logger.warning(
                    "%s; it is brought up to date when it is back",
                    error.message,
                    extra={"event": "redis.down"},
                )
            self.redis_problem = error
            return False
        except Exception as error:  # the change is in the journal: no error here may spoil its answer
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
            entries = self._journal.since(self._commits[-1]) if self._commits else None
            if entries is None:
                return self._reload()
            for entry in entries:
                self._adopt(entry)
            return None

    def _reload(self) -> None:
        contents = self._journal.load()
        self._head = contents.head.change.position
        self._newest = contents.head.change
        self._commits = contents.commits
        if not is_newer(self.read_model.head, self._head):  # an old copy would accept tokens revoked since
            self.keyring.replace(contents.tokens)
        self.read_model.adopt(self._head, contents.states)

    def _adopt(self, entry: Entry) -> None:
        with self._following:
            if self.holds(entry):  # a following thread may have adopted it before the writing one
                return
            self._commits.append(entry.commit)
            self._head = entry.change.position
            self._newest = entry.change
            if entry.change.token:
                self.keyring.put(entry.change.token)
            state = entry.change.state
            self.read_model.adopt(entry.change.position, [state] if state else [])

    def _behind(self, seen: Position) -> Unavailable | None:
        """Return why nothing can be written if the journal lacks changes known before it was read."""
        if not is_newer(seen, self._head):
            return None
        return Unavailable(
            f"the journal is at {self._head}, but {seen} was acknowledged already: it is an "
            f"old copy. Put the newest journal.git back, or go on from what Redis holds: "
            f"{self._journal.recovery()}, with the --redis-url of the registry, if it was given one"
            + (OTHER_INSTALLATION if self._head.epoch != seen.epoch else ""),
            code="journal_behind",
        )

    # Writing

    @contextmanager
    def writing(self, *, sure: bool = True) -> Iterator[int]:
        """Hold the lock for writing, with all changes of others adopted; yield the descriptor for `write`.

        Args:
            sure: False: the latest changes made elsewhere may be missing, which `write` detects.

        Raises:
            Unavailable: the journal cannot be written, or other processes keep writing.
        """
        if not self._changing.acquire(timeout=LOCK_SECONDS):
            raise Unavailable("others keep writing; try again", code="busy")
        try:
            with self._journal.lock() as lock:  # under it the journal is read again: it may be repaired
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
        """Return whether the adopted changes are complete while writing, without a fetch."""
        return self._journal.sure

    @contextmanager
    def turns(self) -> Iterator[Callable[[bool], None]]:
        """Let registries that share a journal write in turns; yield what waits for one, before each attempt.

        Whoever wrote last has nothing to fetch, and would overtake the others again and again. The argument
        is whether that happened to this one: then the others are asked to wait.
        """
        if self._journal.sure:
            yield lambda _: None
            return
        turn = Turn(self._redis_store)
        try:
            yield lambda wanted: None if self.redis_problem else turn.wait(wanted=wanted)
        finally:
            turn.end()

    def holds(self, entry: Entry) -> bool:
        """Return whether a change was adopted, from that very commit."""
        seq = entry.change.seq
        return seq < len(self._commits) and self._commits[seq] == entry.commit

    def next_position(self) -> Position:
        """Return the position of the next change; valid only while writing."""
        return Position(self._head.epoch, self._head.seq + 1)

    def next_change(self, **fields: Any) -> Change:
        """The next change, as `Change.following` makes it; only while writing."""
        if self._newest is None:
            raise Unavailable("the journal was not read yet; try again", code="busy")
        return self._newest.following(**fields)

    @property
    def format(self) -> int:
        """The format that the journal is in; before it was read, that of a new one."""
        return self._newest.format if self._newest else formats.NEWEST

    @property
    def newest_at(self) -> datetime | None:
        """When the newest change was made, as far as there is one."""
        return self._newest.at if self._newest else None

    def write(self, lock: int, change: Change, files: Mapping[str, bytes]) -> Entry:
        """Commit a change and adopt it; for `commit_with_retry` alone, which handles its exceptions.

        Raises:
            Unavailable: it is not in the journal.
            InDoubt: it may be in the journal.
        """
        began = time.perf_counter()
        entry = self._journal.write(lock, self._commits[-1], change, files)
        self.unwritten = None
        self._adopt(entry)
        failpoints.reach(failpoints.ADOPTED)
        self.notify(change, began)
        return entry

    def notify(self, change: Change, began: float) -> None:
        """Call the listeners with a durable change; `began` as of `time.perf_counter`."""
        for listener in self.listeners:
            listener(change, time.perf_counter() - began)

    def apply(self) -> bool:
        """Bring the Redis store up to the last write; return whether it is.

        A Redis known to be down is left to `reconcile`, so that it delays no request twice.
        """
        return self.redis_problem is None and self.catch_up()

    def redis_time(self) -> datetime:
        """Return the time by the clock of Redis. Raises Unavailable without it."""
        return self._redis_store.time()

    # History

    @property
    def commits(self) -> list[str]:
        """The journal's known commits, by seq; not to be changed."""
        return self._commits

    def entry(self, seq: int) -> Entry:
        """Return the change with a number. Raises Unavailable if the journal cannot be read."""
        if seq >= len(self._commits):
            self.follow_announced()
        if seq >= len(self._commits):
            raise self.problem or Unavailable("the journal does not have that change", code="journal_behind")
        return self._journal.entry(self._commits[seq])

    def follow_announced(self) -> None:
        """Follow the journal up to the change announced by Redis, which may be faster. Raises Unavailable."""
        self.adopt_local()
        announced = self.read_model.newest
        if is_newer(announced, self._head):
            self.refresh(time.monotonic())
        if is_newer(announced, self._head):
            raise self.problem or Unavailable(
                f"the newest change, {announced}, is not in the journal's copy yet; try again", code="busy"
            )

    def staged(self, name: str, version: str) -> bytes | None:
        """Return the bytes of a staged version; None if it never was staged."""
        return self._journal.staged(name, version)

    def attestations(self, prompt: str, digest: str) -> tuple[Attestation, ...]:
        """Return the attestations that are kept of a prompt's digest, oldest first. Raises Unavailable."""
        return self._journal.attestations(prompt, digest)

    def was_requested(self, scope: str | None) -> bool:
        """Return whether an idempotency key was used; `scope` as in `request`."""
        return scope is not None and self._journal.request(scope) is not None

    def request(self, scope: str | None, body: str) -> Entry | None:
        """Return the change recorded for an earlier request with the same key, if any.

        Args:
            scope: the scope of its idempotency key, as a hash; None: it has no key.
            body: a hash of what must be the same in a repeat.

        Raises:
            Invalid: the body differs (`idempotency_mismatch`).
        """
        record = self._journal.request(scope) if scope else None
        if record is None:
            return None
        if record["body"] != body:
            raise Invalid(
                "this Idempotency-Key was used with another body; use a new key", code="idempotency_mismatch"
            )
        return self.entry(int(str(record["seq"])))
