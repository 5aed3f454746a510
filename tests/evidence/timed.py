"""Simulated calls that take their time, counted by the very rules of counting, and looked at after each one.

A call counts W after its start, or at its end if that is later; until then it is exposure alone. What is
proven here is that an arm that is slow, or fails fast, looks no worse for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from math import exp, log
from random import Random
from typing import NamedTuple

from promptstage.evaluation import BUCKETS
from registry.evidence.constants import GREATEST_WINDOW, LEAST_WINDOW
from registry.evidence.counting import EXPOSED, Report, Unit, Watch, count
from registry.evidence.formulas import SHARE, log_e_harm
from registry.evidence.simulation import SRM_BOUND, Run, may_speak
from registry.evidence.verdicts import is_mismatched

RATE = 2.0  # calls a second
SPREAD = 0.5  # of the logarithms of seconds: one in a hundred takes three times the median
P99 = exp(2.33 * SPREAD)
STEPS = ((10, 5.0), (20, 25.0), (30, 50.0))  # from which seq a percent is in force
WATCH = Watch(versions={"canary": "1.1.0", "control": "1.0.0"}, steps=STEPS, newest=30, metrics=("errors",))
ERRORS = 0.08


class Seconds(NamedTuple):
    """What calls of an arm take in the median: those that end well, and those that fail."""

    good: float
    bad: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A rollout of a candidate whose calls fail as often as those of the stable version.

    Attributes:
        calls: by users who get the candidate, or are compared with them; each is another user's.
        canary, control: what they take.
        pinned: the share of users who are still on a version of an earlier rollout, which fails four times
            as often.
        window: seconds after its start in which a call counts; None: as the guard sets it.
        alpha: of the guard.
    """

    calls: int
    canary: Seconds
    control: Seconds
    pinned: float = 0.0
    window: float | None = None
    alpha: float = 0.05

    @property
    def wait(self) -> float:
        """The seconds after its start in which a call counts."""
        slowest = 2 * P99 * max(self.control)
        return min(max(slowest, LEAST_WINDOW), GREATEST_WINDOW) if self.window is None else self.window


def run(trial: Timed, seed: int) -> Run:
    """Simulate a rollout, until it is taken back or all calls are counted."""
    random = Random(seed)
    found, units = Run(), dict[int, Unit]()
    bad, exposed = {"canary": 0, "control": 0}, {"canary": 0, "control": 0}
    pending: list[tuple[float, int, Report]] = []
    at = 0.0
    for number in range(trial.calls):
        at += random.expovariate(RATE)
        report, seconds = _call(trial, random, number, at)
        heappush(pending, (at + trial.wait, 2 * number, report._replace(ended=seconds <= trial.wait)))
        if seconds > trial.wait:
            heappush(pending, (at + seconds, 2 * number + 1, report))
    while pending and not found.harm:
        now, _, report = heappop(pending)
        changes = count(WATCH, [(None, report)], units, round(now * 1000))
        found.looks += 1
        for (metric, _, arm), counts in changes.counts.items():
            exposed[arm] += counts.units if metric == EXPOSED else 0
            bad[arm] += counts.bad
        _look(trial, found, bad, exposed)
    found.calls, found.completed, found.bad = trial.calls, not found.harm, sum(bad.values())
    return found


def _look(trial: Timed, found: Run, bad: dict[str, int], exposed: dict[str, int]) -> None:
    bound, events = log(1 / trial.alpha), sum(bad.values())
    may_be_harm = may_speak(bad["canary"], events, SHARE, bound)
    if may_be_harm and log_e_harm(bad["canary"], bad["control"], 1.0) >= bound:
        found.harm = "errors"
    if may_speak(exposed["canary"], sum(exposed.values()), SHARE, SRM_BOUND):
        found.mismatched |= is_mismatched(exposed["canary"], exposed["control"])


def _call(trial: Timed, random: Random, number: int, at: float) -> tuple[Report, float]:
    """Draw a call of a measured user, and the seconds that it takes."""
    seq, percent = STEPS[min(len(STEPS) - 1, 3 * number // trial.calls)]
    is_canary = random.random() < SHARE
    place = int(random.random() * percent / 100 * BUCKETS)
    is_pinned = random.random() < trial.pinned
    arm, version = ("canary", "1.1.0") if is_canary else ("control", "1.0.0")
    fails = random.random() < ERRORS * (4 if is_pinned else 1)
    seconds = (trial.canary if is_canary else trial.control)[fails] * exp(random.gauss(0, SPREAD))
    report = Report(
        unit=number,
        bucket=place if is_canary else BUCKETS - 1 - place,
        arm=arm,
        version="0.9.0" if is_pinned else version,
        seq=seq,
        at=round(at * 1000),
        error="Timeout" if fails else None,
    )
    return report, seconds
