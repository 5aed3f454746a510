"""This process's copy of the journal, and how it keeps up with the others.

A change is committed, then told: adopted here, brought to the board, published. Whoever is told looks
for itself, so a lost word delays a registry by a second and never misleads it.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from threading import RLock
from typing import TYPE_CHECKING

from registry import failpoints
from registry.access.tokens import Keyring, Role, Wish, mint, read_secret, write_secret
from registry.errors import Invalid, Unavailable
from registry.rollouts import change as at
from registry.rollouts import clock
from registry.rollouts.journal import LOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from registry.rollouts.board import Board
    from registry.rollouts.change import Change
    from registry.rollouts.journal import Entry, Journal
    from registry.rollouts.view import View

logger = logging.getLogger(__name__)

STRANGER = ". Or is it another installation's? Two on one Redis need a PROMPTSTAGE_REDIS_PREFIX of their own"


class Replica:
    """What this process knows of the journal; safe to use from any thread.

    Attributes:
        view: all states and their releases.
        keyring: the tokens.
        problem: why changes cannot be written now, or None.
        board_problem: why Redis cannot be brought up to date now, or None.
        listeners: told of each change that was made durable here, and of the seconds which that took.
    """

    def __init__(self, journal: Journal, board: Board, view: View) -> None:
        self.view = view
        self.keyring = Keyring()
        self.problem: Unavailable | None = None
        self.board_problem: Unavailable | None = None
        self.listeners: list[Callable[[Change, float], None]] = []
        self._journal = journal
        self._board = board
        self._head = (0, 0)  # of the journal; that of the view is ahead if Redis has seen more
        self._commits: list[str] = []  # by seq
        self._changing = RLock()

    def open(self, token_file: Path) -> bool:
        """Read the journal, or begin one in an empty folder: whether it is new.

        A new journal has one token, for an admin; its secret is in `token_file` before the journal is
        there, so that no crash can leave a journal that nobody may change.

        Raises:
            Unavailable: a journal cannot be begun; nothing of it is left, so it can be tried again.
        """
        with self._changing, self._journal.lock() as lock:
            new = not self._journal.exists() and self._create(lock, token_file)
        self.reconcile()
        return new

    def _create(self, lock: int, token_file: Path) -> bool:
        try:
            self._journal.check_empty()
        except Unavailable as error:
            logger.error("%s", error.message)  # noqa: TRY400 - reads go on, and every write says it again
            return False
        # A file that is there already is of a start that was cut off, or of an operator who chose the token.
        token, secret = mint(Wish(name="admin", role=Role.admin), secret=read_secret(token_file))
        write_secret(token_file, secret)
        failpoints.reach(failpoints.ADMIN_WRITTEN)
        record = {at.token_path(token.id): token.model_dump_json().encode()}
        self._journal.create(lock, self._new_epoch(), record)
        return True

    def _new_epoch(self) -> int:
        """The time in seconds, and later than the epoch that a Redis remembers from an earlier journal."""
        try:
            last = self._board.head()[0]
        except Unavailable:
            last = 0
        return max(int(clock.now().timestamp()), last + 1)

    # Keeping up

    def reconcile(self) -> None:
        """Adopt what is new in the journal, and bring the board up to it. Raises nothing."""
        with self._changing:
            problem = self._try_follow()
        self.catch_up()  # a Redis that hangs must not keep a writer from the journal
        with self._changing:
            if problem is None and self._behind():
                problem = self._try_follow()  # another registry may have written in between
            if problem and not self.keyring and self.view.states():
                with suppress(Unavailable):  # who has a token may read what Redis holds
                    self.keyring.replace(self._journal.tokens())
            self._settle(problem or self._behind())

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
        """Bring the board up to the head; whether it is there now."""
        try:
            there = self._board.catch_up(self.view.head, self.view.states())
            if there > self.view.head:
                self.view.adopt(there, self._board.read())
        except Unavailable as error:
            if self.board_problem is None:
                logger.warning(
                    "%s; it is brought up to date when it is back",
                    error.message,
                    extra={"event": "redis.down"},
                )
            self.board_problem = error
            return False
        except Exception as error:  # the change is in the journal: nothing here may undo its answer
            logger.exception("Redis could not be brought up to date")
            self.board_problem = Unavailable(
                f"Redis holds what nobody foresaw: {error}", code="redis_unavailable"
            )
            return False
        if self.board_problem is not None:
            logger.info("Redis is back, and up to date", extra={"event": "redis.up"})
        self.board_problem = None
        return True

    def _follow(self) -> None:
        news = self._journal.since(self._commits[-1]) if self._commits else None
        if news is None:
            return self._reload()
        for entry in news:
            self._adopt(entry)
        return None

    def _reload(self) -> None:
        contents = self._journal.load()
        self._head = contents.head.change.position
        self._commits = contents.commits
        if self._head >= self.view.head:  # an old copy lets in who was shut out since
            self.keyring.replace(contents.tokens)
        self.view.adopt(self._head, contents.states)

    def _adopt(self, entry: Entry) -> None:
        self._commits.append(entry.commit)
        self._head = entry.change.position
        if entry.change.token:
            self.keyring.put(entry.change.token)
        state = entry.change.state
        self.view.adopt(entry.change.position, [state] if state else [])

    def _behind(self) -> Unavailable | None:
        seen = self.view.head
        if self._head >= seen:
            return None
        return Unavailable(
            f"the journal is at {_text(self._head)}, but {_text(seen)} was acknowledged already: it is an "
            "old copy. Put the newest journal.git back, or go on from what Redis holds: "
            "promptstage journal recover" + (STRANGER if self._head[0] != seen[0] else ""),
            code="journal_behind",
        )

    # Writing

    @contextmanager
    def writing(self) -> Iterator[int]:
        """Hold the right to write, with everything adopted that others wrote; yields what `write` wants.

        Raises:
            Unavailable: the journal cannot be written, or another process writes all the time.
        """
        if not self._changing.acquire(timeout=LOCK_SECONDS):
            raise Unavailable("others write all the time; try again", code="busy")
        try:
            with self._journal.lock() as lock:  # under it the journal is looked at again: it may be mended
                self._follow()
                if behind := self._behind():
                    raise behind
                yield lock
        finally:
            self._changing.release()
        failpoints.reach(failpoints.UNLOCKED)

    def next_position(self) -> tuple[int, int]:
        """``(epoch, seq)`` of the next change; right only while writing."""
        return (self._head[0], self._head[1] + 1)

    def write(self, lock: int, change: Change, files: Mapping[str, bytes]) -> Entry:
        """Commit a change and adopt it. Raises Unavailable if it is not in the journal."""
        began = time.perf_counter()
        entry = self._journal.write(lock, self._commits[-1], change, files)
        self._adopt(entry)
        failpoints.reach(failpoints.ADOPTED)
        for listener in self.listeners:
            listener(change, time.perf_counter() - began)
        return entry

    def apply(self) -> bool:
        """Bring the board up to what was written; whether it is there.

        A board known to be down is left to the reconcile, so that it delays nobody twice.
        """
        return self.board_problem is None and self.catch_up()

    def board_time(self) -> datetime:
        """What the clock of Redis shows. Raises Unavailable without it."""
        return self._board.time()

    # Looking back

    def entry(self, seq: int) -> Entry:
        """The change with a number. Raises Unavailable if the journal cannot be read."""
        if seq >= len(self._commits):
            raise self.problem or Unavailable("the journal has not that change", code="journal_behind")
        return self._journal.entry(self._commits[seq])

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


def _text(position: tuple[int, int]) -> str:
    return f"{position[0]}.{position[1]}"
