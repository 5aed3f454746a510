"""The thread that counts calls of rollouts, judges them, and acts on harm through the ordinary commands.

Every registry judges, as its scheduler asks it whether a guarded step may advance. One at a time, which holds
a lease in the database, counts and acts. What it knows is in the database and the journal alone, so whatever
dies, another one goes on.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING

from registry.errors import Conflict, PreconditionFailed, RegistryError
from registry.evidence import ledger
from registry.evidence.assessment import Step, assess, greatest, reason
from registry.evidence.constants import measure
from registry.evidence.measured import measured_buckets
from registry.evidence.notices import notices
from registry.evidence.record import record
from registry.evidence.watching import counted, guard_of, steps_of
from registry.outcomes.store import evidence as store
from registry.outcomes.store.fold import GUARD_LEASE, hold_lease
from registry.rollouts.action import Action
from registry.rollouts.schedule import held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from registry.access.tokens import Keyring
    from registry.control.rollouts import Rollouts
    from registry.evidence.assessment import Assessment
    from registry.evidence.ledger import Counted
    from registry.evidence.watching import Steps
    from registry.notify.event import Event as Notice
    from registry.outcomes.outcomes import Outcomes
    from registry.outcomes.store.database import Database
    from registry.rollouts.guard import Constant, Guard
    from registry.rollouts.state import Rollout, State

TICK_SECONDS = 1.0  # a verdict is wanted within two seconds of a call that counts
BITES = 20  # of one rollout in one round, so that a busy one leaves time for others
ACTOR = "guard"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found of a rollout at a step."""

    step: int
    may_advance: bool


class Guardian:
    """Judges the rollouts under way; it is the gate of their guarded steps.

    Args:
        rollouts: the use cases that it acts through.
        outcomes: where calls are.
    """

    def __init__(self, rollouts: Rollouts, outcomes: Outcomes) -> None:
        self._rollouts = rollouts
        self._outcomes = outcomes
        self._holder = f"{os.uname().nodename}:{os.getpid()}"
        self._standings: dict[str, Standing] = {}
        self._notices: dict[str, list[Notice]] = {}  # by rollout
        self._steps: dict[str, tuple[int, Steps]] = {}  # by rollout: the seq of its state, and its steps
        self._told: set[tuple[str, str]] = set()
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

    def may_advance(self, state: State) -> bool:
        """Return whether a guarded step whose hold is over may advance, as was found in the last round."""
        rollout = state.rollout
        standing = rollout and self._standings.get(rollout.id)
        return bool(rollout and standing and standing.step == rollout.step and standing.may_advance)

    def notices(self) -> list[Notice]:
        """Return what people are to be told of, as was found in the last round."""
        return [notice for found in list(self._notices.values()) for notice in found]

    def constants(self, state: State, guard: Guard) -> Mapping[str, Constant]:  # noqa: ARG002 - the protocol's
        """Return the constants that are known of the stable version; none if the database does not answer."""
        if state.stable is None or not self._outcomes.is_there:
            return {}
        of = state.environment, state.prompt, state.stable.version
        try:
            return self._outcomes.database().read(lambda connection: measure(connection, of, _now_ms()))
        except RegistryError as error:
            logger.warning("The guard's constants are not known yet: %s", error.message)
            return {}

    # The rounds

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            try:
                self._round()
            except RegistryError as error:
                self._standings = {}
                logger.warning("Guarded steps wait for the database: %s", error.message)
            except Exception:
                self._standings = {}
                logger.exception("Judging rollouts failed; it is tried again")

    def _round(self) -> None:
        states = [
            state
            for state in self._rollouts.replica.read_model.under_way()
            if state.environment in self._rollouts.environments
        ]
        if not states or not self._outcomes.is_there:
            self._standings = {
                rollout.id: _unreported(rollout) for state in states if (rollout := state.rollout)
            }
            return
        database = self._outcomes.database()
        leads = database.write(
            lambda connection: hold_lease(connection, self._holder, _now_ms(), GUARD_LEASE)
        )
        standings = {}
        for state in states:
            if state.rollout is not None and not self._stopped.is_set():
                standings[state.rollout.id] = self._look(database, state, state.rollout, leads=leads)
        self._standings = standings
        self._steps = {rollout: steps for rollout, steps in self._steps.items() if rollout in standings}
        self._notices = {rollout: told for rollout, told in self._notices.items() if rollout in standings}

    def _look(self, database: Database, state: State, rollout: Rollout, *, leads: bool) -> Standing:
        watched = counted(state, rollout, self._steps_of(state, rollout), self._keyring)
        if leads:
            _count(database, watched)
        guard = guard_of(rollout)
        counts, summary = database.read(
            lambda connection: (
                ledger.read_counts(connection, rollout.id, guard.metrics),
                store.summary(connection, rollout.id),
            )
        )
        newest = summary and summary.newest
        step = Step(
            percent=rollout.percent,
            hold=held(rollout.steps[rollout.step]),
            since=rollout.entered_at,
            newest=datetime.fromtimestamp(newest / 1000, UTC) if newest else None,
            now=datetime.now(UTC),
        )
        found = assess(rollout.guard and guard, counts, step)
        self._notices[rollout.id] = list(notices(state, rollout, found, step.now))
        if leads and rollout.guard:
            if summary and (news := greatest(summary.greatest, found.judged)) != summary.greatest:
                summary.greatest = news
                database.write(lambda connection: store.put_summary(connection, rollout.id, summary))
            self._act(state, rollout, rollout.guard, found, dict(summary.tokens) if summary else {})
        return Standing(rollout.step, found.obstacle is None)

    @property
    def _keyring(self) -> Keyring:
        return self._rollouts.replica.keyring

    def _steps_of(self, state: State, rollout: Rollout) -> Steps:
        seq, steps = self._steps.get(rollout.id, (0, ()))
        if seq != state.seq:
            steps = steps_of(state, lambda number: self._rollouts.replica.entry(number).change)
            self._steps[rollout.id] = state.seq, steps
        return steps

    # Acting

    def _act(
        self, state: State, rollout: Rollout, guard: Guard, found: Assessment, tokens: Mapping[str, int]
    ) -> None:
        if found.harm:
            self._tell(state, rollout, found)
            if guard.on_harm == "rollback" or (guard.on_harm == "pause" and rollout.state == "running"):
                self._do(
                    Action(
                        environment=state.environment,
                        prompt=state.prompt,
                        op=guard.on_harm,
                        actor=ACTOR,
                        if_match=state.tag,
                        harm=found.harm if guard.on_harm == "pause" else (),
                        reason=reason(found),
                        evidence=record(rollout.id, found, guard, tokens),
                    )
                )
        elif guard.unknown:
            self._calibrate(state, guard)

    def _calibrate(self, state: State, guard: Guard) -> None:
        known = self.constants(state, guard)
        for name in guard.unknown:
            if name in known:
                self._do(
                    Action(
                        environment=state.environment,
                        prompt=state.prompt,
                        op="calibrate",
                        actor=ACTOR,
                        if_match=state.tag,
                        constant=(name, known[name]),
                    )
                )
                return  # the state is another one now; the next round goes on

    def _do(self, action: Action) -> None:
        try:
            self._rollouts.act(action)
        except (PreconditionFailed, Conflict):
            pass  # a person was faster; the next round looks again
        except RegistryError as error:
            logger.warning(
                "The guard cannot %s %s in %s: %s",
                action.op,
                action.prompt,
                action.environment,
                error.message,
            )

    def _tell(self, state: State, rollout: Rollout, found: Assessment) -> None:
        for metric in found.harm:
            if (rollout.id, metric) not in self._told:
                self._told.add((rollout.id, metric))
                logger.warning(
                    "%s in %s: the candidate does harm: %s",
                    state.prompt,
                    state.environment,
                    reason(found),
                    extra={"event": "guard.harm", "rollout": rollout.id, "metric": metric},
                )


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


def _unreported(rollout: Rollout) -> Standing:
    """Return the standing where no call was ever reported: only a step for nobody may advance."""
    return Standing(rollout.step, not measured_buckets(rollout.percent))


def _count(database: Database, watched: Counted) -> None:
    """Count what is due, as far as one round goes."""
    for count in (ledger.count_due, ledger.close_due):
        for _ in range(BITES):
            if database.write(partial(count, counted=watched, now=_now_ms())) < ledger.BITE:
                break


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
