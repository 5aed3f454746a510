"""The report of a run: what became of each prompt, and of each of its cases. Pure.

`Report.to_json` is the documented form; what people read is made of the same values.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json
    from registry.suites.run.comparison import Change, Outcome
    from registry.suites.run.failure import Failed, Trouble

FORMAT = 1
Result = Literal["passed", "failed", "incomplete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSide:
    """What became of a case with one version.

    Attributes:
        outcome: by the majority of the repeats.
        passes, fails, errors: how the repeats ended.
        failures: the checks of the first repeat that failed.
        trouble: of the first repeat without a verdict.
        answer: of the first repeat that failed, or the first one of a case that changed; None: not shown.
    """

    outcome: Outcome
    passes: int
    fails: int
    errors: int
    failures: tuple[Failed, ...] = ()
    trouble: Trouble | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """What became of a case.

    Attributes:
        id: of the case.
        file, line: where it is written.
        change: from the version that is compared with; None: nothing.
        against: with that version; None: there is none.
    """

    id: str
    file: str
    line: int
    tags: tuple[str, ...]
    change: Change | None
    candidate: CaseSide
    against: CaseSide | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReport:
    """How a version did.

    Attributes:
        label: ``1.3.0``, ``main`` or ``worktree``.
        version: SemVer; None: it is no tagged one.
        response_models: the dated models that answered.
        passed, failed, errors, missing: cases by outcome.
        pass_rate: of the cases that passed or failed; None: there is none.
        cost_usd: of all answers, whenever they were paid for; None: no price is known.
        unpriced: answers whose price is not known.
        p50_ms, p95_ms: of the latency of the answers.
    """

    label: str
    version: str | None
    digest: str
    model: str
    response_models: tuple[str, ...]
    passed: int
    failed: int
    errors: int
    missing: int
    pass_rate: float | None
    cost_usd: float | None
    unpriced: int
    input_tokens: int
    output_tokens: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReport:
    """How the suite of one prompt went.

    Attributes:
        file: of the prompt.
        reasons: why it failed or is incomplete.
        suite: the digest of the suite.
        judge: the model that judged; None: none was needed.
        repeat: how often each case was asked at first.
        mcnemar_p: of the changes from `against`, by McNemar's exact test; None: nothing to compare with.
        min_pass_rate: what the settings ask for; None: nothing.
        details: one a case, in the order of the suite.
    """

    prompt: str
    file: str
    result: Result
    reasons: tuple[str, ...]
    suite: str
    judge: str | None
    repeat: int
    cases: int
    regressed: tuple[str, ...]
    fixed: tuple[str, ...]
    flaky: tuple[str, ...]
    mcnemar_p: float | None
    min_pass_rate: float | None
    candidate: VersionReport
    against: VersionReport | None
    details: tuple[CaseReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run.

    Attributes:
        override: why a failure is let pass; None: it is not.
        stopped: what ended the run early: ``budget`` or ``interrupted``.
        requests: that were sent to models, with those that failed.
        kept: answers that were there already.
        spent_usd: by this run.
        unpriced: answers of this run whose price is not known.
    """

    result: Result
    override: str | None
    stopped: str | None
    requests: int
    kept: int
    spent_usd: float
    unpriced: int
    seconds: float
    prompts: tuple[PromptReport, ...]
    format: int = FORMAT

    def to_json(self) -> Json:
        """Return the documented form."""
        return {"format": self.format, **asdict(self)}

    def of(self, prompt: PromptReport) -> Report:
        """Return the report of one of the prompts alone."""
        return replace(self, result=prompt.result, prompts=(prompt,))

    @property
    def is_overridden(self) -> bool:
        """Whether a failure is let pass."""
        return self.result == "failed" and self.override is not None


def notable(prompt: PromptReport) -> Iterator[CaseReport]:
    """Yield the cases to look at, the worst first: regressed, failed, without a verdict, flaky, fixed."""
    ranked = ((_rank(case), number, case) for number, case in enumerate(prompt.details))
    yield from (case for rank, _, case in sorted(ranked, key=lambda each: each[:2]) if rank < len(_RANKS))


_RANKS = ("regressed", "failed", "error", "missing", "flaky", "fixed")


def _rank(case: CaseReport) -> int:
    words = {case.change, case.candidate.outcome}
    return next((rank for rank, word in enumerate(_RANKS) if word in words), len(_RANKS))
