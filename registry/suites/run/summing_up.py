"""Sum a run up: results in, its report out."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from registry.outcomes.rates import NANOS
from registry.suites.run.comparison import Change, Outcome
from registry.suites.run.report import CaseReport, CaseSide, PromptReport, VersionReport
from registry.suites.run.statistics import sign_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.suites.run.comparison import Counts
    from registry.suites.run.report import Result
    from registry.suites.run.request import Version
    from registry.suites.run.runner import Subject
    from registry.suites.run.trial import CaseResult, Trial

    Text = Callable[[str], str | None]  # of the answer that is kept by a key


def prompt_report(  # noqa: PLR0913 - by keyword
    subject: Subject,
    *,
    folder: str,
    file: str,
    suite: str,
    judge: str | None,
    repeat: int,
    rate: float | None,
    text: Text,
) -> PromptReport:
    """Report on one prompt.

    Args:
        subject: what was run.
        folder: what paths of files are preceded by, for people.
        file: of the prompt, in that folder.
        suite: the digest of the suite.
        judge: the model that judged, if one was needed.
        repeat: as asked for.
        rate: the least share of cases that must pass; None: the usual, which is all where nothing is
            compared with, and any where regressions are looked for.
        text: of an answer.
    """
    details = tuple(_case(result, folder, text) for result in subject.results)
    candidate = _version(subject.candidate, [result.counts for result in subject.results], _tried(subject))
    against = None
    if subject.baseline:
        counted = [before for result in subject.results if (before := result.baseline_counts)]
        against = _version(subject.baseline, counted, (r.baseline for r in subject.results))
    changed = {change: _ids(details, change) for change in Change}
    least = rate if rate is not None else 0.0 if against else 1.0
    result, reasons = _judged(candidate, against, changed[Change.REGRESSED], least)
    return PromptReport(
        prompt=subject.candidate.name,
        file=folder + file,
        result=result,
        reasons=reasons,
        suite=suite,
        judge=judge,
        repeat=repeat,
        cases=len(details),
        regressed=changed[Change.REGRESSED],
        fixed=changed[Change.FIXED],
        flaky=changed[Change.FLAKY],
        mcnemar_p=_mcnemar(details) if against else None,
        min_pass_rate=rate,
        candidate=candidate,
        against=against,
        details=details,
    )


def _tried(subject: Subject) -> Iterator[Sequence[Trial]]:
    return (result.candidate for result in subject.results)


def _ids(details: Sequence[CaseReport], change: Change) -> tuple[str, ...]:
    return tuple(case.id for case in details if case.change is change)


def _judged(
    candidate: VersionReport, against: VersionReport | None, regressed: Sequence[str], least: float
) -> tuple[Result, tuple[str, ...]]:
    """Say how a prompt did. A regression is one whatever is missing; a rate of some cases says nothing."""
    reasons = []
    if regressed:
        reasons.append(f"{_count(len(regressed), 'case')} regressed")
    both = [version for version in (candidate, against) if version]
    open_cases = max(version.errors + version.missing for version in both)
    rate = candidate.pass_rate
    if not open_cases and not candidate.passed:
        reasons.append("no case passes")
    elif not open_cases and rate is not None and rate < least:
        reasons.append(f"{rate:.1%} of the cases pass, below {least:.1%}")
    if reasons:
        return "failed", tuple(reasons)
    if open_cases:
        return "incomplete", (f"{_count(open_cases, 'case')} without a verdict",)
    return "passed", ()


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _mcnemar(details: Sequence[CaseReport]) -> float:
    pairs = Counter((case.against.outcome, case.candidate.outcome) for case in details if case.against)
    worse = pairs[Outcome.PASSED, Outcome.FAILED]
    better = pairs[Outcome.FAILED, Outcome.PASSED]
    return sign_test(better, worse)


def _version(version: Version, counted: Sequence[Counts], tried: Iterator[Sequence[Trial]]) -> VersionReport:
    outcomes = Counter(counts.outcome for counts in counted)
    answers = [trial for trial in chain.from_iterable(tried) if trial.key]
    costs = [trial.cost for trial in answers if trial.cost is not None]
    latencies = sorted(trial.latency_ms for trial in answers if trial.latency_ms is not None)
    judged = outcomes[Outcome.PASSED] + outcomes[Outcome.FAILED]
    return VersionReport(
        label=version.label,
        version=version.version,
        digest=version.digest,
        model=version.model,
        response_models=tuple(sorted({trial.response_model for trial in answers if trial.response_model})),
        passed=outcomes[Outcome.PASSED],
        failed=outcomes[Outcome.FAILED],
        errors=outcomes[Outcome.ERROR],
        missing=outcomes[Outcome.MISSING],
        pass_rate=outcomes[Outcome.PASSED] / judged if judged else None,
        cost_usd=sum(costs) / NANOS if costs else None,
        unpriced=len(answers) - len(costs),
        input_tokens=sum(trial.input_tokens or 0 for trial in answers),
        output_tokens=sum(trial.output_tokens or 0 for trial in answers),
        p50_ms=_quantile(latencies, 0.5),
        p95_ms=_quantile(latencies, 0.95),
    )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the least value that so large a share of the values is not above."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else None


def _case(result: CaseResult, folder: str, text: Text) -> CaseReport:
    case, change = result.case, result.change
    before = result.baseline_counts
    return CaseReport(
        id=case.id,
        file=folder + case.place.path,
        line=case.place.line,
        tags=case.tags,
        change=change,
        candidate=_side(result.candidate, result.counts, change, text),
        against=_side(result.baseline, before, change, text) if before else None,
    )


def _side(trials: Sequence[Trial], counts: Counts, change: Change | None, text: Text) -> CaseSide:
    failed = next((trial for trial in trials if trial.failures), None)
    troubled = next((trial.trouble for trial in trials if trial.trouble), None)
    shown = failed or next((trial for trial in trials if change and trial.key), None)
    return CaseSide(
        outcome=counts.outcome,
        passes=counts.passes,
        fails=counts.fails,
        errors=counts.errors,
        failures=failed.failures if failed else (),
        trouble=troubled,
        answer=text(shown.key) if shown else None,
    )
