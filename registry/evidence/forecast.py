"""Foretell a guarded rollout by simulating many: how soon harm is seen, how long the plan takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from registry.evidence import simulation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.evidence.simulation import Run, Trial

BUDGET = 1_500_000  # calls that are simulated: some seconds of work
LEAST = 20  # rollouts, whatever they cost


class Spread(NamedTuple):
    """The value that half of the rollouts do not exceed, and nine of ten."""

    median: float
    p90: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """How simulated rollouts of one kind went.

    Attributes:
        rollouts: how many there were.
        taken_back: how many of them were taken back on harm.
        calls, hours, users, bad: of those, the calls with the candidate until then, the time, the users who
            got it, and the bad events on both arms; None: there are none.
        completes: of those that completed, the hours they took; None: there are none.
        waits: how many waited too long for enough users.
    """

    rollouts: int
    taken_back: int
    calls: Spread | None
    hours: Spread | None
    users: Spread | None
    bad: Spread | None
    completes: Spread | None
    waits: int


def forecast(trial: Trial, rollouts: int, seed: int, budget: int = BUDGET) -> Forecast:
    """Simulate rollouts: as many as are asked for, or as the budget of calls allows."""
    runs: list[Run] = []
    calls = 0
    while len(runs) < rollouts and (calls < budget or len(runs) < LEAST):
        runs.append(simulation.run(trial, seed + len(runs)))
        calls += runs[-1].calls
    harmed = [run for run in runs if run.harm]
    return Forecast(
        rollouts=len(runs),
        taken_back=len(harmed),
        calls=spread([run.candidate for run in harmed]),
        hours=spread([run.hours for run in harmed]),
        users=spread([run.met for run in harmed]),
        bad=spread([run.bad for run in harmed]),
        completes=spread([run.hours for run in runs if run.completed]),
        waits=sum(run.waits for run in runs),
    )


def no_worse(trial: Trial) -> Trial:
    """Return the same rollout of a candidate that is like the stable version."""
    return replace(trial, watched=tuple(replace(one, ratio=1.0) for one in trial.watched))


def spread(values: Sequence[float]) -> Spread | None:
    """Return the median of values, and the ninth of ten; None: there are none."""
    if not values:
        return None
    ordered = sorted(values)
    return Spread(*(ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.9)))
