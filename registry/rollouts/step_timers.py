"""Time the steps of rollouts: the hold that is left of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from registry.rollouts.state import State


class Holds:
    """The remaining hold of each timed step.

    A hold is a duration. Its rest is read off the wall clock once, when this process first sees the step;
    from then on a monotonic clock counts, so that setting the wall clock neither skips a step nor holds one
    for years.
    """

    def __init__(self) -> None:
        self._ends: dict[tuple[str, datetime | None], float] = {}  # by the monotonic clock

    def left(self, states: Iterable[State], now: datetime, present: float) -> list[tuple[float, State]]:
        """Return the states with a timed step, each with the seconds left of its hold; 0 if that is over.

        Args:
            states: all active ones.
            now: by the wall clock.
            present: seconds by a monotonic clock.
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
