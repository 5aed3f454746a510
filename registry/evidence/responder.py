"""Act on what was found of rollouts, through the ordinary commands: on harm, and to set constants.

Each command names the state that it is for. Where a person, or another registry, was faster, it is refused,
and the next round looks at what there is then.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import Conflict, PreconditionFailed, RegistryError
from registry.evidence.assessment import reason
from registry.evidence.record import record
from registry.rollouts.action import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.control.rollouts import Rollouts
    from registry.evidence.assessment import Opinion
    from registry.evidence.watchlist import Watched
    from registry.rollouts.guard import Constant, Guard
    from registry.rollouts.state import State

ACTOR = "guard"
FIRST_SECONDS, LAST_SECONDS = 1.0, 60.0
"""Between tries of a change that is refused, twice as long each time: the journal may be down for long."""

CALIBRATE_SECONDS = 60.0
"""Between looks for constants of one rollout: each reads what the stable version did in a week."""

CALIBRATIONS = 5  # such looks in one round: some 50 ms each where there are many calls
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pause:
    """When a rollout may be acted on again, by a monotonic clock, and how long it was left alone before."""

    until: float = 0.0
    seconds: float = 0.0


class Responder:
    """Acts on rollouts; for one thread.

    Args:
        rollouts: the use cases.
        constants: returns what is known of a stable version, for a guard.
    """

    def __init__(
        self, rollouts: Rollouts, constants: Callable[[State, Guard], Mapping[str, Constant]]
    ) -> None:
        self._rollouts = rollouts
        self._constants = constants
        self._pauses: dict[str, _Pause] = {}  # by the rollout, and the tag of its state
        self._calibrates: dict[str, float] = {}  # by rollout: when it is looked for its constants again
        self._told: set[tuple[str, str]] = set()

    def round(self, found: Mapping[str, tuple[Watched, Opinion]], now: float) -> None:
        """Act on rollouts under way.

        Args:
            found: what was found of each, by id.
            now: seconds by a monotonic clock.
        """
        unknown = []
        for name, (watched, opinion) in found.items():
            if opinion.harm:
                self._tell(watched, opinion)
                self._answer(watched, opinion, now)
            elif watched.guard.unknown and self._calibrates.get(name, 0.0) <= now:
                unknown.append(name)
        unknown.sort(key=lambda name: self._calibrates.get(name, 0.0))
        for name in unknown[:CALIBRATIONS]:
            self._calibrates[name] = now + CALIBRATE_SECONDS
            self._calibrate(found[name][0], now)
        self._calibrates = {name: at for name, at in self._calibrates.items() if name in found}
        tags = {watched.state.tag for watched, _ in found.values()}
        self._pauses = {tag: pause for tag, pause in self._pauses.items() if tag in tags}

    def _answer(self, watched: Watched, opinion: Opinion, now: float) -> None:
        """Answer harm as the guard says."""
        guard, rollout = watched.guard, watched.rollout
        is_running = rollout.state == "running"
        if guard.on_harm == "rollback" or (guard.on_harm == "pause" and is_running):
            tokens = (
                watched.collected.summary.tokens if watched.collected and watched.collected.summary else {}
            )
            self._do(
                watched.state,
                now,
                op=guard.on_harm,
                harm=opinion.harm if guard.on_harm == "pause" else (),
                reason=reason(opinion),
                evidence=record(rollout.id, opinion, guard, tokens),
            )

    def _calibrate(self, watched: Watched, now: float) -> None:
        """Set a constant that is known by now; the next one when the state is another."""
        known = self._constants(watched.state, watched.guard)
        for name in watched.guard.unknown:
            if name in known:
                if self._do(watched.state, now, op="calibrate", constant=(name, known[name])):
                    del self._calibrates[watched.rollout.id]
                return

    def _do(self, state: State, now: float, **what: Any) -> bool:
        """Make a change, unless it was refused a moment ago; return whether it was made."""
        pause = self._pauses.setdefault(state.tag, _Pause())
        if now < pause.until:
            return False
        action = Action(
            environment=state.environment, prompt=state.prompt, actor=ACTOR, if_match=state.tag, **what
        )
        try:
            self._rollouts.act(action)
        except (PreconditionFailed, Conflict) as error:
            logger.info("The guard was not to %s %s: %s", action.op, action.prompt, error.message)
        except RegistryError as error:
            where = action.op, action.prompt, action.environment
            logger.warning("The guard cannot %s %s in %s: %s", *where, error.message)
        else:
            return True
        pause.seconds = min(LAST_SECONDS, max(FIRST_SECONDS, 2 * pause.seconds))
        pause.until = now + pause.seconds
        return False

    def _tell(self, watched: Watched, opinion: Opinion) -> None:
        state, rollout = watched.state, watched.rollout
        for metric in opinion.harm:
            if (rollout.id, metric) not in self._told:
                self._told.add((rollout.id, metric))
                logger.warning(
                    "%s in %s: the candidate does harm: %s",
                    state.prompt,
                    state.environment,
                    reason(opinion),
                    extra={"event": "guard.harm", "rollout": rollout.id, "metric": metric},
                )
