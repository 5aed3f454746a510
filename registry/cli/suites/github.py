"""Print a report as annotations of GitHub Actions, each at the line of its case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.cli import output
from registry.cli.author.report import annotate
from registry.cli.output import PATH_SHOWN
from registry.suites.reports import figures
from registry.suites.run.comparison import Change, Outcome
from registry.suites.run.report import notable
from registry.wording.text import clean

if TYPE_CHECKING:
    from registry.suites.run.report import CaseReport, PromptReport, Report

REASON = 400  # characters of why a check failed


def show(report: Report) -> None:
    """Print a report: GitHub shows the first ten errors and warnings of a step, so the worst come first."""
    if report.is_overridden:
        output.say(f"::notice title=promptstage eval::overridden: {clean(report.override)}")
    for prompt in report.prompts:
        for case in notable(prompt):
            _annotate(case, is_overridden=report.is_overridden)
    for prompt in report.prompts:
        output.say(_sentence(prompt))
    if report.stopped:
        output.say(f"the run was {figures.STOPPED[report.stopped]}")
    output.say(f"{report.result}: {figures.spending(report)}")


def _annotate(case: CaseReport, *, is_overridden: bool) -> None:
    side = case.candidate
    is_bad = case.change is Change.REGRESSED or side.outcome is not Outcome.PASSED
    severity = "error" if is_bad and not is_overridden else "warning" if is_bad else "notice"
    word = case.change or side.outcome
    why = "; ".join(f"{failure.check}: {failure.reason}" for failure in side.failures)
    if side.trouble and side.outcome in {Outcome.ERROR, Outcome.MISSING}:
        why = side.trouble.message
    message = f"{clean(case.id)} {word}" + (f": {clean(why, REASON)}" if why else "")
    annotate(severity, clean(case.file, PATH_SHOWN), (case.line, 1), f"eval {word}", message)


def _sentence(prompt: PromptReport) -> str:
    against = f" against {clean(prompt.against.label)}" if prompt.against else ""
    done = f"{prompt.candidate.passed} of {prompt.cases} cases pass"
    more = "; ".join(filter(None, (figures.changes(prompt), *prompt.reasons)))
    return (
        f"{prompt.prompt} {clean(prompt.candidate.label)}{against}: {prompt.result}, {done}; {more}".rstrip(
            "; "
        )
    )
