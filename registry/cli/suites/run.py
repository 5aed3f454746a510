"""Carry out a plan, and report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from registry.cli.suites import engine as engines
from registry.cli.suites import progress
from registry.cli.suites.engine import opened, until_stopped
from registry.outcomes.rates import NANOS
from registry.suites.run.answers import FOLDER, Answers
from registry.suites.run.report import Report
from registry.suites.run.runner import Runner, Subject
from registry.suites.run.summing_up import prompt_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.cli.suites.engine import Limits
    from registry.cli.suites.plan import Item, Plan
    from registry.suites.run.report import PromptReport, Result


def run(plan: Plan, limits: Limits) -> Report:
    """Ask what is not known yet, judge, and report. Raises Unavailable or Invalid."""
    return engines.run(_run(plan, limits))


async def _run(plan: Plan, limits: Limits) -> Report:
    start = time.monotonic()
    answers = Answers(plan.top / FOLDER)
    async with opened(plan.settings, limits, answers) as engine:
        subjects = [
            Subject.of(item.candidate, item.baseline, item.cases, engine.judging, limits.repeat)
            for item in plan.items
        ]
        with progress.telling(engine.desk.budget) as on_done:
            runner = Runner(engine.desk, limits.concurrency, engine.stop, on_done)
            await until_stopped(runner.run(subjects), engine.stop)

    def text(key: str) -> str | None:
        found = answers.get(key)
        return found.text if found else None

    rate = plan.settings.min_pass_rate
    pairs = zip(plan.items, subjects, strict=True)
    prompts = tuple(_report(item, subject, limits.repeat, rate, text) for item, subject in pairs)
    return Report(
        result=together([prompt.result for prompt in prompts]),
        override=limits.override,
        stopped=engine.stop.reason,
        requests=engine.endpoints.requests,
        kept=engine.desk.kept,
        spent_usd=engine.desk.budget.spent / NANOS,
        unpriced=engine.desk.budget.unpriced,
        seconds=round(time.monotonic() - start, 3),
        prompts=prompts,
    )


def _report(
    item: Item, subject: Subject, repeat: int, rate: float | None, text: Callable[[str], str | None]
) -> PromptReport:
    return prompt_report(
        subject,
        folder=item.file.folder,
        file=item.file.path,
        suite=item.suite.digest,
        judge=item.judge,
        repeat=repeat,
        rate=rate,
        text=text,
    )


def together(results: list[Result]) -> Result:
    """Return the result of several prompts: a failure is one whatever else is open."""
    found = set(results)
    return "failed" if "failed" in found else "incomplete" if "incomplete" in found else "passed"
