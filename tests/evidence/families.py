"""Families of simulated rollouts, and how they must go: a candidate that is no worse is seldom taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

from evidence import timed
from evidence.timed import Seconds, Timed

from registry.evidence.simulation import Run, Traffic, Trial, Watched, run
from registry.evidence.verdicts import SRM_ALPHA, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

ALPHA = 0.05
SIGMAS = 3  # that a share may be off by chance
EVENTS = 400  # bad events in which doubled errors must be found
MEDIAN = 75  # bad events in which half of them must be
POWER = 0.99

ERRORS = Watched(Metric("errors", 1.0), 0.08)
RAMP = ((1.0, 10.0), (5.0, 10.0), (25.0, 5.0), (50.0, 2.0), (100.0, None))
EVEN = ((50.0, 5.0), (100.0, None))
FOR_EVER = ((50.0, None),)
FIVE = (
    ERRORS,  # the others are as much worse as is tolerated
    Watched(Metric("latency", 1.2), 0.05, 1.2, since=3),
    Watched(Metric("ttft", 1.2), 0.05, 1.2, since=3),
    Watched(Metric("feedback", 1.0), 0.05),
    Watched(Metric("cost", 0.05, baseline=4000), 0.0, 1.05, since=5),
)


def trial(
    steps: Sequence[tuple[float, float | None]] = RAMP,
    *watched: Watched,
    weather: Callable[[float], float] | None = None,
    **traffic: float,
) -> Callable[[float], Trial]:
    """Make a rollout of a traffic: so many calls an hour."""

    def made(calls: float) -> Trial:
        return Trial(
            steps=tuple(steps),
            traffic=Traffic(calls=calls, weather=weather, **traffic),  # type: ignore[arg-type]
            watched=watched or (ERRORS,),
            alpha=ALPHA,
            minimum=5,  # the first step of the ramp is for one user in a hundred
        )

    return made


def drift(hour: float) -> float:
    """Errors that become four times as frequent within a day, with both versions."""
    return 1 + min(3.0, hour / 8)


def incident(hour: float) -> float:
    """Two hours of the ramp in which eight times as many calls fail, with both versions."""
    return 8.0 if 21 <= hour < 23 else 1.0


NO_WORSE: dict[str, Callable[[float], Trial]] = {
    "1:1": trial(EVEN),
    "ramp 1-5-25-50": trial(),
    "past half: 25-75": trial(((25, 5), (75, 5), (100, None))),
    "past half: 10-90": trial(((10, 8), (90, 15), (100, None))),
    "past half: 5-25-50-75": trial(((5, 10), (25, 4), (50, 2), (75, 4), (100, None))),
    "audience of 10 %": trial(audience=0.1),  # how its calls go is not measured
    "drift to 4 times": trial(weather=drift),
    "incident in mid-ramp": trial(weather=incident),
    "heavy users": trial(RAMP, users=4000, heavy=True),
    "5 metrics, late constants": trial(RAMP, *FIVE),
}
"""By name: rollouts of a candidate that is no worse than is tolerated."""

TIMED: dict[str, Callable[[int], Timed]] = {
    "four times slower": lambda calls: Timed(calls=calls, canary=Seconds(20, 20), control=Seconds(5, 5)),
    "fast failures": lambda calls: Timed(calls=calls, canary=Seconds(5, 0.2), control=Seconds(5, 15)),
    "slow failures": lambda calls: Timed(calls=calls, canary=Seconds(5, 15), control=Seconds(5, 0.2)),
    "earlier pins": lambda calls: Timed(calls=calls, canary=Seconds(5, 5), control=Seconds(5, 5), pinned=0.3),
}
"""By name: candidates that fail as often, with calls that take their time; of so many measured calls."""

WORSE = {ratio: trial(FOR_EVER, replace(ERRORS, base=0.05, ratio=ratio)) for ratio in (1.25, 1.5, 2.0, 3.0)}
"""By how many times as many errors the candidate makes."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """The rollouts of a family."""

    runs: tuple[Run, ...]

    @property
    def harm(self) -> float:
        """The share that was taken back."""
        return sum(bool(one.harm) for one in self.runs) / len(self.runs)

    @property
    def mismatched(self) -> float:
        """The share whose users seemed not to be shared out as planned."""
        return sum(one.mismatched for one in self.runs) / len(self.runs)

    def within(self, events: int) -> float:
        """The share that was taken back within so many bad events."""
        return sum(bool(one.harm) and one.bad <= events for one in self.runs) / len(self.runs)

    def events(self, share: float) -> int:
        """The bad events within which a share was taken back, of those that were."""
        found = sorted(one.bad for one in self.runs if one.harm)
        return found[min(len(found) - 1, int(share * len(found)))] if found else 0


def simulate(made: Trial | Timed, rollouts: int, pool: Executor | None = None) -> Simulated:
    """Simulate a family: each rollout has its own seed, so that the numbers stay as they are."""
    seeds = range(rollouts)
    if pool is None:
        return Simulated(tuple(map(_run, [made] * rollouts, seeds)))
    return Simulated(tuple(pool.map(_run, [made] * rollouts, seeds, chunksize=50)))


def _run(made: Trial | Timed, seed: int) -> Run:
    return timed.run(made, seed) if isinstance(made, Timed) else run(made, seed)


def bounded(trial_: Trial) -> Trial:
    """Return the same, given up when far more bad events were seen than doubled errors take."""
    return replace(trial_, most=round(4 * EVENTS / (0.05 * 1.125)))


def most(share: float, rollouts: int) -> float:
    """Return the greatest share that chance allows, where so much is promised."""
    return share + SIGMAS * sqrt(share * (1 - share) / rollouts)


def failures(name: str, found: Simulated) -> Iterable[str]:
    """What a family of no worse candidates broke."""
    rollouts = len(found.runs)
    if found.harm > most(ALPHA, rollouts):
        yield f"{name}: {found.harm:.1%} were taken back"
    if found.mismatched > most(SRM_ALPHA, rollouts):
        yield f"{name}: {found.mismatched:.2%} seemed to be shared out wrongly"


def weak(found: Simulated) -> Iterable[str]:
    """What a family of candidates with twice the errors broke."""
    if found.within(EVENTS) < POWER:
        yield f"only {found.within(EVENTS):.1%} were found in {EVENTS} bad events"
    if found.events(0.5) > MEDIAN:
        yield f"half were found in {found.events(0.5)} bad events, not in {MEDIAN}"
