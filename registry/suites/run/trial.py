"""What became of one answer, and of the answers to one case. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.suites.run import comparison
from registry.suites.run.comparison import Counts

if TYPE_CHECKING:
    from registry.suites.cases import Case
    from registry.suites.run.comparison import Change
    from registry.suites.run.failure import Failed, Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One answer to a case, judged.

    Attributes:
        key: what the answer is kept by; empty: there is none.
        trouble: why it could not be judged; None: it was.
        failures: the checks that did not pass.
        score: 0 to 1, the checks' scores by their weights.
        response_model: that answered.
        cost: in nano-dollars, without the judge's; None: not known.
        latency_ms: None: not known.
        input_tokens, output_tokens: None: not known.
    """

    key: str = ""
    trouble: Trouble | None = None
    failures: tuple[Failed, ...] = ()
    passed: bool = False
    score: float = 0.0
    response_model: str | None = None
    cost: int | None = None
    latency_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(slots=True)
class CaseResult:
    """The trials of a case: `wanted` of the candidate, and as many of a baseline if there is one.

    Attributes:
        case: that is tried.
        has_baseline: whether it is tried with a baseline, too.
        wanted: how many trials there are to be with each.
        candidate, baseline: the trials, in the order of their ends.
    """

    case: Case
    has_baseline: bool
    wanted: int
    candidate: list[Trial] = field(default_factory=list)
    baseline: list[Trial] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        """How the candidate's trials ended."""
        return _counts(self.candidate, self.wanted)

    @property
    def baseline_counts(self) -> Counts | None:
        """How the baseline's trials ended; None: there is no baseline."""
        return _counts(self.baseline, self.wanted) if self.has_baseline else None

    @property
    def change(self) -> Change | None:
        """What changed from the baseline."""
        return comparison.change(self.counts, self.baseline_counts)

    @property
    def is_flip(self) -> bool:
        """Whether it passed with one version alone."""
        before = self.baseline_counts
        return before is not None and comparison.is_flip(self.counts, before)


def _counts(trials: list[Trial], wanted: int) -> Counts:
    errors = sum(trial.trouble is not None for trial in trials)
    passes = sum(trial.passed for trial in trials)
    return Counts(passes, len(trials) - errors - passes, errors, wanted)
