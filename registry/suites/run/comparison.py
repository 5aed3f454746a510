"""From single answers to what became of each case, and from two versions to what changed. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from registry.suites.run.statistics import fisher_less

ALPHA = 0.01
"""A change on which repeats disagree counts if chance makes one as clear in at most one case of a hundred:
nine of nine before and at most three of nine now, if `--repeat` is 3."""

ROUNDS = 3
"""A case that seems to have changed is asked this many times as often before that is said. Of a hundred cases
that fail at random one time in ten, three seem to have changed by the majority of three, and none has."""


class Outcome(StrEnum):
    """What became of a case with one version."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    MISSING = "missing"


class Change(StrEnum):
    """What became of a case from one version to another."""

    REGRESSED = "regressed"
    FIXED = "fixed"
    FLAKY = "flaky"


class Counts(NamedTuple):
    """How the repeats of a case ended with one version.

    Attributes:
        passes: that passed all checks.
        fails: that did not.
        errors: that have no answer, or one that could not be judged.
        wanted: how many there were to be.
    """

    passes: int
    fails: int
    errors: int
    wanted: int

    @property
    def judged(self) -> int:
        """How many passed or failed."""
        return self.passes + self.fails

    @property
    def disagrees(self) -> bool:
        """Whether some passed and some failed."""
        return bool(self.passes and self.fails)

    @property
    def outcome(self) -> Outcome:
        """What the majority says; half of them is not enough to pass. Errors may stand in the way."""
        if self.judged + self.errors < self.wanted:
            return Outcome.MISSING
        if 2 * self.passes > self.wanted:
            return Outcome.PASSED
        return Outcome.FAILED if self.fails and 2 * self.fails >= self.wanted else Outcome.ERROR


def is_flip(candidate: Counts, baseline: Counts) -> bool:
    """Whether one passed and the other failed."""
    return {candidate.outcome, baseline.outcome} == {Outcome.PASSED, Outcome.FAILED}


def change(candidate: Counts, baseline: Counts | None) -> Change | None:
    """Return what changed with a case; None: nothing that can be said.

    Without repeats every flip is a change. With repeats one is that is unlikely by chance; else the case is
    flaky, as is one whose repeats disagree with either version.
    """
    both = [counts for counts in (candidate, baseline) if counts]
    if baseline and is_flip(candidate, baseline) and _is_clear(candidate, baseline):
        return Change.FIXED if candidate.outcome is Outcome.PASSED else Change.REGRESSED
    return Change.FLAKY if any(counts.disagrees for counts in both) else None


def _is_clear(candidate: Counts, baseline: Counts) -> bool:
    if not (candidate.disagrees or baseline.disagrees):
        return True
    worse, better = sorted((candidate, baseline), key=lambda counts: counts.passes / counts.judged)
    return fisher_less(worse.passes, worse.judged, better.passes, better.judged) <= ALPHA
