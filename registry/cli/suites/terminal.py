"""Show a report in a terminal: what failed and why first, then the figures."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from registry.cli import output
from registry.cli.output import PATH_SHOWN
from registry.suites.reports import figures
from registry.suites.run.comparison import Change, Outcome
from registry.suites.run.report import notable
from registry.system.figures import counted
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.suites.run.report import CaseReport, CaseSide, PromptReport, Report

CASES = 20  # shown of a prompt; the others are in the other forms
ANSWER = 300  # characters of an answer
REASON = 400  # characters of why a check failed
STYLES = {
    "regressed": "bold red", "failed": "red", "error": "yellow", "missing": "yellow", "flaky": "magenta",
    "fixed": "green", "passed": "bold green", "incomplete": "bold yellow",
}  # fmt: skip


def show(report: Report) -> None:
    """Print a report."""
    if report.is_overridden:
        output.say(f"OVERRIDDEN, so failures are let pass: {clean(report.override)}", "bold yellow")
    for prompt in report.prompts:
        _prompt(prompt)
    if report.stopped:
        output.say(f"The run was {figures.STOPPED[report.stopped]}", "bold yellow")
    output.say(figures.spending(report), "dim")
    output.say(report.result.upper(), "bold red" if report.result == "failed" else STYLES[report.result])


def _prompt(prompt: PromptReport) -> None:
    output.pieces((f"{prompt.prompt} ", "bold"), (_about(prompt), ""))
    shown = list(islice(notable(prompt), CASES + 1))
    for case in shown[:CASES]:
        _case(case)
    if len(shown) > CASES:
        output.say(f"  more cases are not shown; --format json has all {prompt.cases}", "dim")
    output.say()
    output.show(output.grid(figures.COLUMNS, figures.rows(prompt)))
    for line in filter(None, (figures.changes(prompt), "; ".join(prompt.reasons))):
        output.say(line)
    output.say()


def _about(prompt: PromptReport) -> str:
    against = f" against {clean(prompt.against.label)}" if prompt.against else ""
    models = ", ".join(map(clean, prompt.candidate.response_models)) or clean(prompt.candidate.model)
    repeated = f", each {prompt.repeat} times" if prompt.repeat > 1 else ""
    judge = f", judged by {clean(prompt.judge)}" if prompt.judge else ""
    cases = counted(prompt.cases, "case")
    return f"{clean(prompt.candidate.label)}{against}: {cases}{repeated}, answered by {models}{judge}"


def _case(case: CaseReport) -> None:
    word = case.change or case.candidate.outcome
    output.say()
    output.pieces(
        (f"  {word} ", STYLES[word]),
        (clean(case.id, PATH_SHOWN), "bold"),
        (f"  {clean(case.file, PATH_SHOWN)}:{case.line}", "dim"),
    )
    for line in _lines(case):
        output.say(f"    {line}")


def _lines(case: CaseReport) -> Iterator[str]:
    side, before = case.candidate, case.against
    yield from (f"{clean(found.check)}: {clean(found.reason, REASON)}" for found in side.failures)
    for each in filter(None, (side, before)):
        if each.trouble and each.outcome in {Outcome.ERROR, Outcome.MISSING}:
            yield f"{each.trouble.kind}: {clean(each.trouble.message, REASON)}"
            break
    if _trials(side) > 1:
        was = f"{before.passes} of {_trials(before)} passed before, " if before else ""
        yield f"{was}{side.passes} of {_trials(side)} {'now' if before else 'passed'}"
    if before and case.change in {Change.REGRESSED, Change.FIXED}:
        yield f"before: {_answer(before)}"
        yield f"now:    {_answer(side)}"
    elif side.answer is not None:
        yield f"answer: {_answer(side)}"


def _trials(side: CaseSide) -> int:
    return side.passes + side.fails + side.errors


def _answer(side: CaseSide) -> str:
    return clean(" ".join((side.answer or "").split()), ANSWER) or "(empty)"
