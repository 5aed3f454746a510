"""A report as Markdown, for a comment on a pull request. Pure.

What a model wrote stands in fences that it cannot end, and what is foreign elsewhere is escaped: an answer
that names a person or holds HTML does nothing in a comment.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from registry.suites.reports import figures
from registry.suites.run.comparison import Change, Outcome
from registry.suites.run.report import notable
from registry.system.figures import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.suites.run.report import CaseReport, CaseSide, PromptReport, Report

MARK = "<!-- promptstage eval -->"  # by which a workflow finds its comment again
LENGTH = 60_000  # characters; GitHub takes 65,536
CASES = 20  # shown of a prompt; the others are counted
ANSWER = 1200  # characters of an answer
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)  # what terminals obey, or nobody sees
_MENTION = "@\u200b"  # a space of no width after it, so that nobody is told
_VERDICTS = {"passed": "passed", "failed": "failed", "incomplete": "could not be completed"}


def markdown(report: Report) -> str:
    """Return the comment."""
    lines = [MARK, f"### Prompts: {_VERDICTS[report.result]}", ""]
    if report.is_overridden:
        lines += [f"> **Overridden:** {_plain(report.override or '')}. The failures below are let pass.", ""]
    if report.stopped:
        lines += [f"> {figures.STOPPED[report.stopped]}", ""]
    for prompt in report.prompts:
        lines += _prompt(prompt)
    lines.append(f"<sub>{figures.spending(report)}</sub>\n")
    whole = "\n".join(lines)
    text = whole if len(whole) <= LENGTH else "\n".join(_short(report))
    return _CONTROL.sub("\ufffd", text)


def _short(report: Report) -> Iterator[str]:
    """Yield the same without cases, where they are too many for a comment."""
    yield from (MARK, f"### Prompts: {_VERDICTS[report.result]}", "")
    for prompt in report.prompts:
        yield f"- {_head(prompt)}"
        if prompt.reasons:
            yield f"  {'; '.join(prompt.reasons)}"
        yield from (f"  {word}: {_names(ids)}" for word, ids in _changes(prompt) if ids)
    yield f"\n<sub>{figures.spending(report)}; the cases are in the other reports</sub>\n"


def _changes(prompt: PromptReport) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("regressed", prompt.regressed), ("fixed", prompt.fixed), ("flaky", prompt.flaky))


def _names(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - CASES} more" if len(ids) > CASES else ""
    return ", ".join(map(_plain, ids[:CASES])) + more


def _head(prompt: PromptReport) -> str:
    against = f" against {_plain(prompt.against.label)}" if prompt.against else ""
    asked = f"{_plain(prompt.candidate.model)}, {counted(prompt.cases, 'case')}"
    return f"**{_plain(prompt.prompt)}** {_plain(prompt.candidate.label)}{against}: {prompt.result} ({asked})"


def _prompt(prompt: PromptReport) -> Iterator[str]:
    yield from (_head(prompt), "")
    if prompt.reasons:
        yield from ("; ".join(prompt.reasons), "")
    yield f"| {' | '.join(figures.COLUMNS)} |"
    yield "|" + "---|" * len(figures.COLUMNS)
    yield from (f"| {' | '.join(map(_plain, row))} |" for row in figures.rows(prompt))
    yield ""
    if said := figures.changes(prompt):
        yield from (said, "")
    shown = list(islice(notable(prompt), CASES + 1))
    for case in shown[:CASES]:
        yield from _case(case)
    if len(shown) > CASES:
        yield from (f"More cases are in the other reports; these are the first {CASES}.", "")


def _case(case: CaseReport) -> Iterator[str]:
    word = case.change or case.candidate.outcome
    yield f"<details><summary>{word}: <code>{_html(case.id)}</code></summary>\n"
    yield f"`{_code(case.file)}:{case.line}`{_repeats(case)}\n"
    side = case.candidate
    yield from (f"- {_plain(failure.check)}: {_plain(failure.reason)}" for failure in side.failures)
    if side.trouble and side.outcome in {Outcome.ERROR, Outcome.MISSING}:
        yield f"- {_plain(side.trouble.message)}"
    yield ""
    both = case.against and case.change in {Change.REGRESSED, Change.FIXED}
    if both and case.against:
        yield from _answer("before", case.against)
    yield from _answer("now" if both else "answer", side)
    yield "</details>\n"


def _repeats(case: CaseReport) -> str:
    side = case.candidate
    if side.passes + side.fails + side.errors < 2:  # noqa: PLR2004 - one is no repeat
        return ""
    before = case.against
    was = (
        f"{before.passes} of {before.passes + before.fails + before.errors} passed before, " if before else ""
    )
    return f": {was}{side.passes} of {side.passes + side.fails + side.errors} now"


def _answer(word: str, side: CaseSide) -> Iterator[str]:
    if side.answer is None:
        return
    text = side.answer if len(side.answer) <= ANSWER else f"{side.answer[: ANSWER - 1]}…"
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{word}:", f"{fence}text", text, fence, "")


def _plain(text: str) -> str:
    """Escape what Markdown, HTML or a mention would be made of."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("@", _MENTION)


def _code(text: str) -> str:
    return text.replace("`", "'")


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", _MENTION)
