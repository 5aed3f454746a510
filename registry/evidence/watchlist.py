"""The rollouts that are watched: those under way, and for a day those that ended, as reports come late."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.evidence.watching import counted, guard_of, last_of, steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from registry.control.rollouts import Rollouts
    from registry.evidence.assessment import Opinion
    from registry.evidence.ledger import Collected, Counted
    from registry.evidence.watching import Last, Steps
    from registry.journal.change import Change
    from registry.rollouts.guard import Guard
    from registry.rollouts.state import Rollout, State

LATE = timedelta(days=1)
"""Feedback comes within hours, costs are counted after one; what comes later is looked at by people."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Watched:
    """A rollout, with what is known of it.

    Attributes:
        state: its last one.
        ended: when it was over; None: it is under way.
        is_stable: whether it ended as its candidate became the stable version.
        collected: what is counted; None: it was not read yet.
        opinion: what that says; None: it has no guard, or it was not judged yet.
    """

    state: State
    rollout: Rollout
    steps: Steps
    counted: Counted
    ended: datetime | None = None
    is_stable: bool = False
    collected: Collected | None = None
    opinion: Opinion | None = None

    @property
    def guard(self) -> Guard:
        """Its guard, or what is counted without one."""
        return guard_of(self.rollout)


class Watchlist:
    """The rollouts that are watched, by id; for one thread."""

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts
        self._watched: dict[str, Watched] = {}
        self._aside: set[tuple[str, str]] = set()

    @property
    def watched(self) -> Mapping[str, Watched]:
        """All of them, by id."""
        return self._watched

    def under_way(self) -> list[State]:
        """Return the states of the rollouts under way here."""
        return [
            state
            for state in self._rollouts.replica.read_model.under_way()
            if state.rollout and state.environment in self._rollouts.environments
        ]

    def follow(self, now: datetime) -> None:
        """Follow what has changed; a rollout of which that fails is left out until it changes again."""
        present = self.under_way()
        for state in present:
            if rollout := state.rollout:
                self._try(rollout.id, state.tag, partial(self._put, state, rollout))
        for name in self._watched.keys() - {state.rollout_id for state in present}:
            held = self._watched[name]
            if held.ended is None:
                place = held.state.environment, held.state.prompt
                self._try(name, held.state.tag, partial(self._find, *place, name))
            elif held.ended < now - LATE:
                del self._watched[name]

    def resume(self, ended: Iterable[tuple[str, str, str]]) -> None:
        """Watch rollouts that ended before this process began: id, environment and prompt of each."""
        for name, environment, prompt in ended:
            if name not in self._watched and environment in self._rollouts.environments:
                self._try(name, "", partial(self._find, environment, prompt, name))

    def set_aside(self, name: str) -> None:
        """Leave a rollout out until it changes again, as it cannot be counted or judged."""
        if held := self._watched.pop(name, None):
            self._aside.add((name, held.state.tag))

    def _try(self, name: str, tag: str, work: Callable[[], None]) -> None:
        if (name, tag) in self._aside:
            return
        try:
            work()
        except RegistryError as error:  # the journal cannot be read: the next round looks again
            logger.warning("The rollout %s cannot be looked at: %s", name, error.message)
        except Exception:
            logger.exception("The rollout %s is not judged until it changes", name)
            self._aside.add((name, tag))
            self._watched.pop(name, None)

    def _put(self, state: State, rollout: Rollout) -> None:
        held = self._watched.get(rollout.id)
        if held and held.state.tag == state.tag and not guard_of(rollout).tokens:
            return
        is_same = held is not None and held.state.tag == state.tag
        steps = held.steps if held and is_same else steps_of(state, self._change_of)
        made = Watched(state, rollout, steps, counted(state, rollout, steps, self._rollouts.replica.keyring))
        if held and is_same:  # only its tokens may have other names now
            made.collected, made.opinion = held.collected, held.opinion
        self._watched[rollout.id] = made

    def _find(self, environment: str, prompt: str, name: str) -> None:
        """Watch a rollout that is over; one that the journal does not have is watched no more."""
        present = self._rollouts.state(environment, prompt)
        last: Last | None = last_of(present, name, self._change_of)
        self._watched.pop(name, None)
        if last is not None:
            self._put(last.state, last.rollout)
            if last.end is not None:
                found = self._watched[name]
                after = last.end.state
                found.ended = last.end.at
                found.is_stable = after is not None and after.stable == last.rollout.candidate

    def _change_of(self, seq: int) -> Change:
        return self._rollouts.replica.entry(seq).change
