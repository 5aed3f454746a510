"""The steps that advance by themselves, when their hold is over; a guarded one waits at the gate."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from registry.errors import Conflict, PreconditionFailed, RegistryError
from registry.rollouts.action import Action
from registry.rollouts.step_timers import Holds
from registry.system import timestamps

if TYPE_CHECKING:
    from registry.control.rollouts import Rollouts
    from registry.rollouts.state import State

logger = logging.getLogger(__name__)


class TimedSteps:
    """The timed steps of configured environments; for one thread."""

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts
        self._holds = Holds()
        self._stuck: set[str] = set()  # prompts, with their environment, whose advance failed

    def advance_due(self) -> bool:
        """Make the advances that are due; return whether all succeeded. Raises nothing."""
        due = [state for left, state in self._timed() if not left]
        stuck = {_where(state) for state in due if not self._advance(state)}
        self._stuck = stuck
        return not stuck

    def seconds_to_next(self) -> float | None:
        """Return the seconds until the next advance, or None if there is none.

        A step that waits at the gate has none: the gate is asked whenever the scheduler looks.
        """
        timed = self._timed()
        return min((left for left, state in timed if left or not _is_guarded(state)), default=None)

    def _timed(self) -> list[tuple[float, State]]:
        """Return the states with a timed step, and the seconds left of each."""
        states = self._rollouts.replica.read_model.under_way()
        here = [state for state in states if state.environment in self._rollouts.environments]
        return self._holds.left(here, timestamps.now(), time.monotonic())

    def _advance(self, state: State) -> bool:
        """Advance a step, unless it waits at the gate; return False if that is to be tried again."""
        evidence = self._rollouts.gate.evidence(state) if _is_guarded(state) else None
        if _is_guarded(state) and evidence is None:
            return True
        action = Action(
            environment=state.environment,
            prompt=state.prompt,
            op="advance",
            actor="schedule",
            if_match=state.tag,
            evidence=evidence,
        )
        try:
            self._rollouts.act(action)
        except (PreconditionFailed, Conflict):
            pass  # a person or another registry was faster
        except RegistryError as error:
            if _where(state) not in self._stuck:  # it is tried twice a second
                logger.warning("%s cannot advance: %s", _where(state), error.message)
            return False
        return True


def _where(state: State) -> str:
    return f"{state.prompt} in {state.environment}"


def _is_guarded(state: State) -> bool:
    return state.rollout is not None and state.rollout.guard is not None
