"""Time the steps of rollouts: how long each is still held."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from registry.rollouts.state import State


class Holds:
    """The time for which each timed step is still held.

    A hold is a span of time. What is left of it is read off the wall clock once, when this process first
    sees the step; from then on it runs down by itself, so that a clock that is set neither skips a step nor
    holds one for years.
    """

    def __init__(self) -> None:
        self._ends: dict[tuple[str, datetime | None], float] = {}  # by the clock that nobody sets

    def left(self, states: Iterable[State], now: datetime, present: float) -> list[tuple[float, State]]:
        """The states whose step is timed, each with the seconds that it is still held; of an old one, 0.

        Args:
            states: all that are under way.
            now: by the wall clock.
            present: seconds by a clock that nobody sets.
        """
        known, self._ends = self._ends, {}
        timed = []
        for state in states:
            rollout = state.rollout
            left = rollout.left(now) if rollout else None
            if rollout is None or left is None:
                continue
            step = (rollout.id, rollout.advances_at)
            self._ends[step] = known.get(step, present + left)
            timed.append((max(0.0, self._ends[step] - present), state))
        return timed
