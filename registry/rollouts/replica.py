"""This process's copy of the journal, and how it keeps up with the others.

A change is committed, then told: adopted here, brought to the board, published. Whoever is told looks
for itself, so a lost word delays a registry by a second and never misleads it.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import contextmanager, suppress
from threading import RLock
from typing import TYPE_CHECKING

from registry import failpoints
from registry.access.tokens import Keyring, Role, Wish, mint, read_secret, write_secret
from registry.errors import Invalid, RegistryError, Unavailable
from registry.rollouts import change as at
from registry.rollouts import clock
from registry.rollouts.journal import LOCK_SECONDS, Unsettled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from registry.rollouts.board import Board
    from registry.rollouts.change import Change
    from registry.rollouts.journal import Entry, Journal
    from registry.rollouts.view import View

logger = logging.getLogger(__name__)

TRIES = 8  # of a change, where another registry was faster each time
CHANGE_SECONDS = 20.0  # after which none of them is begun; each one has its own deadlines
JITTER_SECONDS = 0.005  # at most, between them: it parts two in step; who waits longer is overtaken again
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
        if self._journal.join(lock):
            return False
        try:
            self._journal.check_empty()
        except Unavailable as error:
            logger.error("%s", error.message)  # noqa: TRY400 - reads go on, and every write says it again
            return False
        # A file that is there already is of a start that was cut off, or of an operator who chose the token.
        chosen = read_secret(token_file)
        token, secret = mint(Wish(name="admin", role=Role.admin), secret=chosen)
        write_secret(token_file, secret)
        failpoints.reach(failpoints.ADMIN_WRITTEN)
        record = {at.token_path(token.id): token.model_dump_json().encode()}
        try:
            self._journal.create(lock, self._new_epoch(), record)
        except Unsettled as unsettled:
            return self._is_ours(lock, unsettled, token_file if chosen is None else None)
        return True

    def _is_ours(self, lock: int, unsettled: Unsettled, minted: Path | None) -> bool:
        """Whether the journal that registries share was begun here; if not, our token opens nothing."""
        if not self._journal.join(lock):
            raise unsettled.refusal or Unavailable("the journal could not be begun; try again", code="busy")
        ours = self._journal.load().commits[0] == unsettled.entry.commit
        if minted and not ours:
            minted.unlink(missing_ok=True)
        return ours

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
        seen = self.view.head
        if self._journal.is_due(seen if self._head < seen else None, alone=self.board_problem is not None):
            problem = self._look()
        with self._changing:
            if problem is None and self._behind(seen):
                problem = self._try_follow()  # another registry may have written in between
            if problem and not self.keyring and self.view.states():
                with suppress(Unavailable):  # who has a token may read what Redis holds
                    self.keyring.replace(self._journal.tokens())
            self._settle(problem or self._journal.trouble or self._behind(seen))

    def _look(self) -> Unavailable | None:
        """Refresh a copy of the journal. Nobody waits for this but who wants to write."""
        try:
            with self._journal.lock() as lock:
                self._journal.refresh(lock)
        except Unavailable as error:  # if it is busy, a writer refreshes it
            return self.problem if error.code == "busy" else error
        with self._changing:
            return self._try_follow()

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

    def _behind(self, seen: tuple[int, int]) -> Unavailable | None:
        """Why nothing can be written if the journal lacks what was seen before it was looked at."""
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
    def writing(self, *, sure: bool = True) -> Iterator[int]:
        """Hold the right to write, with everything adopted that others wrote; yields what `write` wants.

        Args:
            sure: False: what others wrote elsewhere a moment ago may be missing, which `write` finds out.

        Raises:
            Unavailable: the journal cannot be written, or another process writes all the time.
        """
        if not self._changing.acquire(timeout=LOCK_SECONDS):
            raise Unavailable("others write all the time; try again", code="busy")
        try:
            with self._journal.lock() as lock:  # under it the journal is looked at again: it may be mended
                seen = self.view.head
                self._journal.refresh(lock, sure=sure)
                self._follow()
                if behind := self._behind(seen):
                    raise behind
                yield lock
        finally:
            self._changing.release()
        failpoints.reach(failpoints.UNLOCKED)

    def change(self, decide: Callable[[int], Entry]) -> Entry:
        """Carry out a change: decide on the newest state, and write.

        Where registries share a journal, another one may be faster. Then the state is another one too, so
        everything is decided again; never if a try that seemed to fail is in the journal after all.

        Args:
            decide: is given what `write` wants, and returns what that wrote, or what was written for the
                same request before. What it raises is raised.

        Raises:
            Unavailable: the journal cannot be written, or others were faster each time (`busy`).
        """
        tried: list[Unsettled] = []
        sure = self._journal.sure  # if not, the first try saves a look: it is only taken where nothing is new
        began = time.perf_counter()
        while True:
            looked = not tried
            try:
                with self.writing(sure=sure) as lock:
                    looked = True
                    return self._find(tried, began) or decide(lock)
            except Unsettled as unsettled:
                tried.append(unsettled)
                time.sleep(random.uniform(0, JITTER_SECONDS))  # noqa: S311 - no secret
            except RegistryError as error:
                if not looked and isinstance(error, Unavailable):
                    raise _unknown(error) from error
                if sure:
                    raise
            sure = True  # a refusal, too, is only given on the newest state

    def _find(self, tried: list[Unsettled], began: float) -> Entry | None:
        """The try that came through. Raises Unavailable if none did, and there is to be no other one."""
        for entry in (one.entry for one in tried):
            seq = entry.change.seq
            if seq < len(self._commits) and self._commits[seq] == entry.commit:
                self._tell(entry.change, began)
                return entry
        if tried and tried[-1].refusal and tried[-1].entry.change.position == self.next_position():
            raise tried[-1].refusal
        if len(tried) >= TRIES or time.perf_counter() - began > CHANGE_SECONDS:
            raise Unavailable("other registries write all the time; try again", code="busy")
        return None

    def next_position(self) -> tuple[int, int]:
        """``(epoch, seq)`` of the next change; right only while writing."""
        return (self._head[0], self._head[1] + 1)

    def write(self, lock: int, change: Change, files: Mapping[str, bytes]) -> Entry:
        """Commit a change and adopt it; within `change`, as it raises what that goes by.

        Raises:
            Unavailable: it is not in the journal.
            Unsettled: it may be there.
        """
        began = time.perf_counter()
        entry = self._journal.write(lock, self._commits[-1], change, files)
        self._adopt(entry)
        failpoints.reach(failpoints.ADOPTED)
        self._tell(change, began)
        return entry

    def _tell(self, change: Change, began: float) -> None:
        for listener in self.listeners:
            listener(change, time.perf_counter() - began)

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
        if seq >= len(self._commits):  # another registry's, of which Redis told before the journal
            with suppress(Unavailable), self.writing():
                pass
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


def _unknown(error: Unavailable) -> Unavailable:
    return Unavailable(
        f"{error.message}. This change was under way, and may have been made: repeat it with the same "
        "Idempotency-Key",
        code=error.code,
    )


def _text(position: tuple[int, int]) -> str:
    return f"{position[0]}.{position[1]}"
