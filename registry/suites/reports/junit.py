"""A report as JUnit's XML, which every CI system shows. Pure.

The form is that of Ant's task, as Jenkins, GitLab and GitHub's actions read it, and valid by the schema of
Jenkins' xUnit plugin (junit-10.xsd), the strictest of them: a `testsuite` a prompt, a
`testcase` a case, in which `failure` is a check that did not pass and `error` an answer that is not there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from registry.suites.run.comparison import Change, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.suites.run.report import CaseReport, CaseSide, PromptReport, Report

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Return the whole XML document."""
    suites = "\n".join(line for prompt in report.prompts for line in _suite(prompt))
    totals = _counts([case for prompt in report.prompts for case in prompt.details])
    head = f'<testsuites name="promptstage eval" {totals} time="{report.seconds:.3f}">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{suites}\n</testsuites>\n'


def _suite(prompt: PromptReport) -> Iterator[str]:
    about = f"{prompt.candidate.label}, {prompt.candidate.model}"
    if prompt.against:
        about += f", against {prompt.against.label}"
    counts = _counts(prompt.details, skipped=True)
    yield f"  <testsuite name={_attribute(prompt.prompt)} {counts}>"
    yield f'    <properties><property name="version" value={_attribute(about)}/></properties>'
    for case in prompt.details:
        yield from _case(prompt, case)
    yield "  </testsuite>"


def _case(prompt: PromptReport, case: CaseReport) -> Iterator[str]:
    head = f"    <testcase classname={_attribute(prompt.prompt)} name={_attribute(case.id)}"
    inner = list(_inner(case))
    if not inner:
        yield f"{head}/>"
        return
    yield f"{head}>"
    yield from inner
    yield "    </testcase>"


def _inner(case: CaseReport) -> Iterator[str]:
    side = case.candidate
    if side.outcome is Outcome.FAILED:
        kind = "regressed" if case.change is Change.REGRESSED else "failed"
        place = f"{case.file}:{case.line}"  # the schemas of Jenkins and others know no attribute for it
        yield _element("failure", kind, _why(side), f"{place}\n{side.answer or ''}")
    elif side.outcome is Outcome.ERROR and side.trouble:
        yield _element("error", side.trouble.kind, side.trouble.message, "")
    elif side.outcome is Outcome.MISSING:
        yield f"      <skipped message={_attribute(side.trouble.message if side.trouble else 'not asked')}/>"


def _why(side: CaseSide) -> str:
    return "; ".join(f"{failure.check}: {failure.reason}" for failure in side.failures)


def _element(name: str, kind: str, message: str, text: str) -> str:
    return f"      <{name} type={_attribute(kind)} message={_attribute(message)}>{_text(text)}</{name}>"


def _counts(cases: list[CaseReport] | tuple[CaseReport, ...], *, skipped: bool = False) -> str:
    outcomes = [case.candidate.outcome for case in cases]
    counts = {
        "tests": len(outcomes),
        "failures": outcomes.count(Outcome.FAILED),
        "errors": outcomes.count(Outcome.ERROR),
    } | ({"skipped": outcomes.count(Outcome.MISSING)} if skipped else {})
    return " ".join(f'{name}="{count}"' for name, count in counts.items())


def _attribute(text: str) -> str:
    return quoteattr(_text(text, escaped=False))


def _text(text: str, *, escaped: bool = True) -> str:
    """Text without the characters that XML cannot hold, not even escaped."""
    fit = _NOT_IN_XML.sub("\ufffd", text)
    return escape(fit) if escaped else fit
