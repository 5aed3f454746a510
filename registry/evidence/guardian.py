"""The thread that counts calls of rollouts, judges them, and acts on harm.

Every registry judges, as its scheduler asks it whether a guarded step may advance. One at a time, which holds
a lease in the database, counts and acts. What it knows is in the database and the journal alone, so whatever
dies, another one goes on.

A round asks once for all rollouts what is due, and once for what has changed. What has no news costs a look
at the clock.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from registry.errors import RegistryError
from registry.evidence import ledger
from registry.evidence.assessment import assess, greatest, weigh
from registry.evidence.constants import known
from registry.evidence.measured import measured_buckets
from registry.evidence.notices import late, notices
from registry.evidence.record import record
from registry.evidence.responder import Responder
from registry.evidence.watching import step_of
from registry.evidence.watchlist import LATE, Watchlist
from registry.outcomes.store import evidence as store
from registry.outcomes.store.fold import GUARD_LEASE, hold_lease
from registry.system.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from registry.control.rollouts import Rollouts
    from registry.evidence.assessment import Opinion
    from registry.evidence.ledger import Counted
    from registry.evidence.watchlist import Watched
    from registry.notify.event import Event as Notice
    from registry.outcomes.outcomes import Outcomes
    from registry.outcomes.store.database import Connection, Database
    from registry.rollouts.guard import Constant, Guard
    from registry.rollouts.state import State

    Count = Callable[[Connection, Mapping[str, Counted], int], int]

TICK_SECONDS = 1.0  # a verdict is wanted within two seconds of a call that counts
STALE_SECONDS = 10.0  # what was found longer ago lets no step advance: the thread waits for the database
BITES = 40  # in one round, so that verdicts do not wait for all of a flood
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found of a rollout at a step.

    Attributes:
        step: which.
        at: when, by a monotonic clock.
        evidence: builds the record of its advance; None: it may not.
    """

    step: int
    at: float
    evidence: Callable[[], dict[str, Any]] | None


class Guardian:
    """Judges the rollouts under way; it is the gate of their guarded steps.

    Args:
        rollouts: the use cases that it acts through.
        outcomes: where calls are.
    """

    def __init__(self, rollouts: Rollouts, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._holder = f"{os.uname().nodename}:{os.getpid()}"
        self._list = Watchlist(rollouts)
        self._responder = Responder(rollouts, self.constants)
        self._standings: dict[str, Standing] = {}
        self._trouble = Trouble(
            logger=logger,
            fails="Guarded steps wait for the database",
            works="The database answers again, and guarded steps go on",
            event="guard",
        )
        self._notices: list[Notice] = []
        self._revision = -1  # up to which counts were read
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="promptstage-guard", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it after the transaction under way."""
        self._stopped.set()
        self._thread.join()

    # The gate

    def evidence(self, state: State) -> dict[str, Any] | None:
        """Return the evidence on which a guarded step may advance, as was found in the last round."""
        standing = self._standings.get(state.rollout_id or "")
        if state.rollout is None or standing is None or standing.evidence is None:
            return None
        is_fresh = time.monotonic() - standing.at <= STALE_SECONDS
        return standing.evidence() if is_fresh and standing.step == state.rollout.step else None

    def notices(self) -> list[Notice]:
        """Return what people are to be told of, as was found in the last round."""
        return self._notices

    def constants(self, state: State, guard: Guard) -> Mapping[str, Constant]:  # noqa: ARG002 - the protocol's
        """Return the constants that are known of the stable version; none if the database does not answer."""
        return known(self._outcomes, state)

    # The rounds

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            try:
                self._round()
            except RegistryError as error:
                self._standings = {}
                self._trouble.begins(error.message)
            except Exception:
                self._standings = {}
                logger.exception("Judging rollouts failed; it is tried again")
            else:
                self._trouble.is_over()

    def _round(self) -> None:
        if not self._outcomes.is_there:
            self._standings = {
                rollout.id: _unreported(rollout.id, rollout.step, rollout.percent)
                for state in self._list.under_way()
                if (rollout := state.rollout)
            }
            return
        now = datetime.now(UTC)
        self._list.follow(now)
        database = self._outcomes.database()
        if self._revision < 0:
            since = _now_ms() - round(LATE.total_seconds() * 1000)
            self._list.resume(database.read(lambda connection: store.ended(connection, since)))
        if not self._list.watched:
            self._standings, self._notices, self._revision = {}, [], max(self._revision, 0)
            return
        leads = self._count(database)
        changed = self._read(database)
        if leads:
            self._note(database, changed)
        self._judge(now, leads=leads)

    def _count(self, database: Database) -> bool:
        """Count what is due, as far as one round goes; return whether this registry leads."""
        counted = {name: watched.counted for name, watched in self._list.watched.items()}
        for count in (ledger.count_due, ledger.close_due):
            try:
                if not self._bites(database, count, counted):
                    return False
            except RegistryError:
                raise
            except Exception:
                logger.exception("Counting failed; each rollout is counted alone")
                self._count_alone(database, count, counted)
        return True

    def _count_alone(self, database: Database, count: Count, counted: Mapping[str, Counted]) -> None:
        """Count each rollout for itself, and set those aside that cannot be counted."""
        for name, one in counted.items():
            try:
                self._bites(database, count, {name: one})
            except RegistryError:
                raise
            except Exception:
                logger.exception("The rollout %s is set aside: its calls cannot be counted", name)
                self._list.set_aside(name)

    def _bites(self, database: Database, count: Count, counted: Mapping[str, Counted]) -> bool:
        """Count, each bite in a transaction that holds the lease; return False if another registry does."""

        def bite(connection: Connection) -> int | None:
            holds = hold_lease(connection, self._holder, _now_ms(), GUARD_LEASE)
            return count(connection, counted, _now_ms()) if holds else None

        for _ in range(BITES):
            done = database.write(bite)
            if done is None:
                return False
            if done < ledger.BITE or self._stopped.is_set():
                break
        return True

    def _read(self, database: Database) -> list[str]:
        """Read the counts that have changed, and weigh them; return whose they are."""
        watched = self._list.watched

        def read(connection: Connection) -> tuple[int, Mapping[str, ledger.Collected]]:
            newest = store.newest_revision(connection)
            is_older = newest < self._revision  # the database was restored
            news = watched if is_older else store.news(connection, self._revision)
            wanted = {
                name: each.guard.metrics
                for name, each in watched.items()
                if each.collected is None or name in news
            }
            return newest, ledger.collect(connection, wanted)

        self._revision, collected = database.read(read)
        for name, found in collected.items():
            watched[name].collected = found
            self._weigh(name, found)
        return list(collected)

    def _weigh(self, name: str, found: ledger.Collected) -> None:
        """Judge what is counted; a rollout of which that fails is set aside, so that it holds up no other."""
        each = self._list.watched[name]
        try:
            each.opinion = weigh(each.guard, found.counts) if each.rollout.guard else None
        except Exception:
            logger.exception("The rollout %s is set aside: it cannot be judged", name)
            self._list.set_aside(name)

    def _note(self, database: Database, changed: list[str]) -> None:
        """Keep the greatest evidence so far, which p-values are of, and when rollouts were over."""
        news, over = {}, {}
        for each in (self._list.watched[name] for name in changed if name in self._list.watched):
            summary = each.collected and each.collected.summary
            if summary and each.opinion:
                most = greatest(summary.greatest, each.opinion.judged)
                if most != summary.greatest:
                    news[each.rollout.id] = summary.greatest = most
            if summary and each.ended and summary.ended is None:
                over[each.rollout.id] = summary.ended = round(each.ended.timestamp() * 1000)
        if news or over:

            def write(connection: Connection) -> None:
                store.put_greatest(connection, news)
                store.end(connection, over)

            database.write(write)

    def _judge(self, now: datetime, *, leads: bool) -> None:
        """Say where each guarded rollout stands, and act."""
        standings: dict[str, Standing] = {}
        told: list[Notice] = []
        found: dict[str, tuple[Watched, Opinion]] = {}
        for name, each in list(self._list.watched.items()):
            if each.opinion is None:
                continue
            try:
                if each.ended is not None:
                    told += late(each.state, each.rollout, each.opinion, now) if each.is_stable else ()
                    continue
                standings[name], notes = _stand(each, each.opinion, now)
            except Exception:
                logger.exception("The rollout %s is set aside: it cannot be judged", name)
                self._list.set_aside(name)
                continue
            told += notes
            found[name] = each, each.opinion
        self._standings, self._notices = standings, told
        if leads:
            self._responder.round(found, time.monotonic())


def _stand(each: Watched, opinion: Opinion, now: datetime) -> tuple[Standing, list[Notice]]:
    rollout, summary = each.rollout, each.collected and each.collected.summary
    assessment = assess(rollout.guard, opinion, step_of(rollout, summary or None, now))
    tokens = summary.tokens if summary else {}
    evidence = None if assessment.obstacle else partial(record, rollout.id, opinion, each.guard, tokens)
    told = list(notices(each.state, rollout, assessment, now))
    return Standing(rollout.step, time.monotonic(), evidence), told


def attach(rollouts: Rollouts, outcomes: Outcomes, stack: ExitStack) -> Callable[[], list[Notice]]:
    """Judge rollouts, as the gate of their guarded steps; without a count of all calls none advances.

    Returns what tells what people are to know.
    """
    if outcomes.is_off:
        return list
    guardian = Guardian(rollouts, outcomes)
    rollouts.gate = guardian
    guardian.start()
    stack.callback(guardian.stop)
    return guardian.notices


def _unreported(rollout: str, step: int, percent: float) -> Standing:
    """Return the standing where no call was ever reported: only a step for nobody may advance."""
    is_for_nobody = not measured_buckets(percent)
    evidence = {"rollout": rollout, "judged": []}
    return Standing(step, time.monotonic(), (lambda: evidence) if is_for_nobody else None)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
