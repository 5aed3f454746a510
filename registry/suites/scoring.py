"""Score a case from the verdicts of its checks, as promptfoo does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.suites.checks.check import Check, Verdict


class Score(NamedTuple):
    """What the checks of a case say together.

    Attributes:
        passed: whether each check passed; with a threshold, whether the score reaches it.
        score: the mean of the scores by weight, 0 to 1; 1 without checks, 0 where no weight is left.
        broken: whether a check that counts could not be judged. The case has not passed then.
    """

    passed: bool
    score: float
    broken: bool = False


def score(checks: Sequence[Check], verdicts: Sequence[Verdict], threshold: float | None = None) -> Score:
    """Return the score of a case from the verdict of each of its checks, in the same order."""
    if not checks:
        return Score(passed=True, score=1.0)
    pairs = list(zip(checks, verdicts, strict=True))
    weights = sum(check.weight for check in checks)
    mean = sum(verdict.score * check.weight for check, verdict in pairs) / weights if weights else 0.0
    is_broken = any(verdict.broken and check.weight for check, verdict in pairs)
    passed = all(verdict.passed for verdict in verdicts) if threshold is None else mean >= threshold
    return Score(passed and not is_broken, mean, is_broken)
