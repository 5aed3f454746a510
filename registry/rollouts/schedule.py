"""The schedule of a rollout: what each step of its plan waits for. Pure, on plain values.

The table of transitions and the command line's forecast both use these functions, so that what is shown
before a change is what happens after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from registry.system import durations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

EVERYONE = 100


class Step(Protocol):
    """A share of users, in percent, and how long it is held before the rollout goes on by itself."""

    @property
    def percent(self) -> float:
        """The share of users."""

    @property
    def hold(self) -> str | None:
        """The time, such as ``10m``; None: a person advances."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A future step.

    Attributes:
        percent: its share of users.
        completes: whether the candidate becomes stable there, which ends the rollout.
        after: the time from the previous step until it is reached by itself; None: a person has to advance.
        at: when that is, if nothing in between waits for a person.
    """

    percent: float
    completes: bool
    after: timedelta | None
    at: datetime | None


def parse_hold(hold: str) -> timedelta:
    """Parse the hold of a step, such as ``30s 10m 4h 2d``. Raises ValueError."""
    return durations.parse(hold)


def held(step: Step) -> timedelta | None:
    """Return how long a step is held before the rollout advances by itself; None: until a person does."""
    return parse_hold(step.hold) if step.hold else None


def following(steps: Sequence[Step], present: int) -> int | None:
    """Return the next step; None: the rollout completes, at 100 percent or past its last step."""
    after = present + 1
    return after if after < len(steps) and steps[after].percent != EVERYONE else None


def forecast(
    steps: Sequence[Step], present: int, left: timedelta | None, advances_at: datetime | None
) -> Iterator[Arrival]:
    """Forecast the steps after the present one, if people only do what the steps wait for.

    Args:
        steps: the whole plan.
        present: the step that the rollout is at.
        left: how long the present step is still held; None: a person advances.
        advances_at: the end of that time; None: a person advances, or must resume the rollout first.
    """
    after, at = left, advances_at
    for i in range(present + 1, len(steps)):
        completes = following(steps, i - 1) is None
        yield Arrival(steps[i].percent, completes, after, at)
        if completes:
            return
        after = held(steps[i])
        at = at + after if at and after else None
