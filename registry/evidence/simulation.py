"""Simulate guarded rollouts: how soon harm is seen, and how often a candidate that is no worse is taken back.

Pure, and the same for the same seed. Calls are a Poisson stream, each by a user who stays on one arm; the
evidence is looked at after every call, with the formulas by which real rollouts are judged.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate
from math import exp, inf, log
from random import Random
from typing import TYPE_CHECKING

from promptstage.evaluation import BUCKETS
from registry.evidence.formulas import SHARE, MeanTest, Sums, log_e_harm
from registry.evidence.measured import measured_buckets
from registry.evidence.verdicts import SRM_ALPHA, UNITS_FOR_MEAN, Metric, is_mismatched

if TYPE_CHECKING:
    from collections.abc import Callable

SRM_BOUND = log(1 / SRM_ALPHA)
SPREAD = 1.0  # of the logarithms of costs: one call in 40 costs more than seven times the median
CAP = 62  # times the mean, to which a cost is capped: ten times the 99th percentile of them
HEAVY_MEAN = 3.0  # of a Pareto distribution of shape 1.5, which heavy users are drawn from
HEAVY_SHAPE = 1.5


@dataclass(frozen=True, slots=True)
class Watched:
    """A metric of a simulated rollout.

    Attributes:
        metric: what is compared; with a baseline its values are costs in micro-dollars.
        base: of a ratio, the share of control's calls with a bad event.
        ratio: how many times that, or the baseline, the candidate's is.
        since: it counts only calls that began so many hours after the start, as its constant was unknown.
    """

    metric: Metric
    base: float
    ratio: float = 1.0
    since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The calls of a prompt.

    Attributes:
        calls: in an hour.
        users: who make them; None: each call is another user's.
        heavy: whether some users call, and fail, far more often than others.
        audience: the share of calls by an audience, which gets the candidate and is not measured.
        weather: how many times as often calls fail, on both arms, at an hour after the start.
    """

    calls: float
    users: int | None = None
    heavy: bool = False
    audience: float = 0.0
    weather: Callable[[float], float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A rollout that is simulated.

    Attributes:
        steps: percents, each with the hours that it is held; None: for ever.
        watched: the metrics of its guard.
        minimum: users of each arm before a step advances.
        max_wait: how many times its hold a step waits for them; then a person has to look.
        most: calls, after which it is given up.
    """

    steps: tuple[tuple[float, float | None], ...]
    traffic: Traffic
    watched: tuple[Watched, ...]
    alpha: float = 0.05
    minimum: int = 100
    max_wait: float = 3.0
    most: float = inf


@dataclass(slots=True)
class Run:
    """How a simulated rollout went.

    Attributes:
        harm: the metric on whose harm it was taken back; empty: it was not.
        completed: whether it came to its end.
        waits: whether a step has waited too long for enough users.
        mismatched: whether its users once seemed not to be shared out as planned.
        hours: how long it took.
        calls: how many calls were drawn: those of users who are on no arm only where users come again.
        looks: how many of them were measured, after each of which it was looked at.
        candidate: calls with the candidate.
        met: users who got the candidate.
        bad: bad events that were counted.
    """

    harm: str = ""
    completed: bool = False
    waits: bool = False
    mismatched: bool = False
    hours: float = 0.0
    calls: int = 0
    looks: int = 0
    candidate: int = 0
    met: int = 0
    bad: int = 0


def may_speak(canary: int, events: int, share: float, bound: float) -> bool:
    """Whether the evidence against a share of the canary's may reach a bound, ln E; cheap to ask.

    An E-value is at most the greatest likelihood ratio, whose logarithm is `events` times a Kullback-Leibler
    divergence, and that is at most the chi-squared one.
    """
    return (canary - events * share) ** 2 >= bound * events * share * (1 - share)


def run(trial: Trial, seed: int) -> Run:
    """Simulate a rollout until it is taken back, complete, or given up."""
    return _Rollout(trial, Random(seed)).run()  # noqa: S311 - no secret


@dataclass(slots=True)
class _Tally:
    """What is counted of one metric, by arm: 0 is control, 1 is the canary."""

    watched: Watched
    threshold: float
    alpha: float
    bad: list[int] = field(default_factory=lambda: [0, 0])
    sums: list[Sums] = field(default_factory=lambda: [Sums(), Sums()])
    counted: set[int] = field(default_factory=set)

    def failed(self, user: int | None, arm: int) -> bool:
        """Count a bad event, once a user; return whether it is harm."""
        if user is not None:
            if user in self.counted:
                return False
            self.counted.add(user)
        self.bad[arm] += 1
        control, canary = self.bad
        rho = self.watched.metric.tolerance
        if arm == 0 or not may_speak(canary, canary + control, rho / (1 + rho), self.threshold):
            return False
        return log_e_harm(canary, control, rho) >= self.threshold

    def cost(self, value: int, arm: int) -> bool:
        """Count a value; return whether it is harm."""
        self.sums[arm] += Sums(1, value, value * value)
        control, canary = self.sums
        if min(canary.n, control.n) < UNITS_FOR_MEAN:
            return False
        metric = self.watched.metric
        mean = metric.baseline or 0.0
        return MeanTest(canary, control, mean, metric.tolerance * mean, self.alpha).log_e >= self.threshold


class _Rollout:
    """One rollout; it moves from call to call."""

    def __init__(self, trial: Trial, random: Random) -> None:
        self._trial = trial
        self._random = random
        self._people = _People(trial.traffic, random) if trial.traffic.users else None
        many = len(trial.watched)
        self._tallies = [_Tally(one, log(many / trial.alpha), trial.alpha / many) for one in trial.watched]
        self._exposed = [0, 0]
        self._seen: set[int] = set()
        self._met: set[int] = set()
        self._run = Run()
        self._step = -1
        self._enter()

    def run(self) -> Run:
        run = self._run
        while not (run.harm or run.completed or run.waits) and run.calls < self._trial.most:
            self._call()
        run.met = len(self._met) if self._people else run.candidate
        run.bad = sum(sum(tally.bad) for tally in self._tallies)
        return run

    def _enter(self) -> None:
        """Go to the next step, or complete."""
        self._step += 1
        if self._step == len(self._trial.steps) or self._trial.steps[self._step][0] == 100:  # noqa: PLR2004 - percent
            self._run.completed = True
            return
        percent, hold = self._trial.steps[self._step]
        self._ends = inf if hold is None else self._run.hours + hold
        self._waits_until = inf if hold is None else self._run.hours + hold * self._trial.max_wait
        self._measured = measured_buckets(percent)
        self._canary = round(percent * BUCKETS / 100)
        reached = BUCKETS if self._people else self._canary + self._measured
        audience = self._trial.traffic.audience
        share = audience + (1 - audience) * reached / BUCKETS
        self._rate = self._trial.traffic.calls * share
        self._audience = audience / share if share else 0.0

    def _call(self) -> None:
        """Wait for a call that one of the arms gets, and look at it."""
        hours = self._run.hours + (self._random.expovariate(self._rate) if self._rate else inf)
        if hours >= self._ends and min(self._exposed) >= self._trial.minimum:
            self._run.hours = max(self._run.hours, self._ends)
            self._enter()
            return
        self._run.hours = min(hours, self._waits_until)
        self._run.waits = hours >= self._waits_until
        if self._run.waits:
            return
        self._run.calls += 1
        if self._random.random() < self._audience:
            self._run.candidate += 1
            return
        user = self._people.draw() if self._people else None
        arm = self._arm(user)
        if arm is not None:
            self._run.looks += 1
            self._look(user, arm)

    def _arm(self, user: int | None) -> int | None:
        """Which arm a call is on; None: it is not measured."""
        if user is None or self._people is None:
            bucket = int(self._random.random() * (self._canary + self._measured))
            control = bucket >= self._canary
        else:
            bucket = self._people.buckets[user]
            control = bucket >= BUCKETS - self._measured
        if bucket < self._canary:
            self._run.candidate += 1
            if user is not None:
                self._met.add(user)
            return 1 if bucket < self._measured else None
        return 0 if control else None

    def _look(self, user: int | None, arm: int) -> None:
        first = user is None or user not in self._seen
        if first:
            if user is not None:
                self._seen.add(user)
            self._exposed[arm] += 1
            control, canary = self._exposed
            if may_speak(canary, canary + control, SHARE, SRM_BOUND):
                self._run.mismatched |= is_mismatched(canary, control)
        factor = self._people.frail[user] if self._people and user is not None else 1.0
        if self._trial.traffic.weather:
            factor *= self._trial.traffic.weather(self._run.hours)
        for tally in self._tallies:
            if self._run.hours >= tally.watched.since and self._is_harm(
                tally, user, arm, factor, first=first
            ):
                self._run.harm = tally.watched.metric.name
                return

    def _is_harm(self, tally: _Tally, user: int | None, arm: int, factor: float, *, first: bool) -> bool:
        watched = tally.watched
        times = watched.ratio if arm else 1.0
        if watched.metric.baseline is None:
            if self._random.random() >= watched.base * times * factor:
                return False
            return tally.failed(user, arm)
        if not first:
            return False
        value = watched.metric.baseline * times * exp(self._random.gauss(-SPREAD * SPREAD / 2, SPREAD))
        return tally.cost(round(min(value, CAP * watched.metric.baseline)), arm)


class _People:
    """Users: the bucket of each, how often they call, and how often their calls fail."""

    def __init__(self, traffic: Traffic, random: Random) -> None:
        many = traffic.users or 0
        self._random = random
        self.buckets = [int(random.random() * BUCKETS) for _ in range(many)]
        self.frail = [_heavy(random) if traffic.heavy else 1.0 for _ in range(many)]
        self._activity = list(accumulate(_heavy(random) for _ in range(many))) if traffic.heavy else None

    def draw(self) -> int:
        """Draw the user of a call."""
        if self._activity is None:
            return int(self._random.random() * len(self.buckets))
        return bisect(self._activity, self._random.random() * self._activity[-1])


def _heavy(random: Random) -> float:
    """Draw a number with a mean of 1 that is seldom far greater."""
    return random.paretovariate(HEAVY_SHAPE) / HEAVY_MEAN
