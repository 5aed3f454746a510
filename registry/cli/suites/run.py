"""Carry out a plan: with a budget, progress, and an orderly end at Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.cli import output
from registry.cli.suites import progress
from registry.outcomes.prices import Prices
from registry.outcomes.rates import NANOS
from registry.suites.run import endpoint
from registry.suites.run.answers import FOLDER, Answers
from registry.suites.run.asking import Endpoints
from registry.suites.run.budget import Budget
from registry.suites.run.desk import Desk, Stop
from registry.suites.run.judging import Judging
from registry.suites.run.pricing import Pricing
from registry.suites.run.report import Report
from registry.suites.run.runner import Runner, Subject
from registry.suites.run.summing_up import prompt_report

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from registry.cli.suites.plan import Item, Plan
    from registry.suites.run.report import PromptReport, Result

STOPPING = "stopping; answers under way are waited for, and kept. Ctrl-C again drops them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a plan is carried out.

    Attributes:
        repeat: how often each case is asked at first.
        concurrency: questions at the same time.
        dollars: the most that may be spent.
        judge: that judges everything, whatever the checks name.
        offline: whether only kept answers are taken.
        override: why a failure is let pass; None: it is not.
        prices: the operator's file, which comes before the published prices.
    """

    repeat: int
    concurrency: int
    dollars: float
    judge: str | None
    offline: bool
    override: str | None
    prices: Path | None


def run(plan: Plan, limits: Limits) -> Report:
    """Ask what is not known yet, judge, and report. Raises Unavailable or Invalid."""
    return asyncio.run(_run(plan, limits))


async def _run(plan: Plan, limits: Limits) -> Report:
    start = time.monotonic()
    stop, budget, answers = Stop(), Budget.of(limits.dollars), Answers(plan.top / FOLDER)
    known = plan.settings.models
    async with Endpoints(os.environ) as endpoints:
        desk = Desk(
            answers=answers,
            endpoints=endpoints,
            endpoint_of=lambda model: endpoint.choose(model, known, os.environ),
            pricing=Pricing(Prices(limits.prices)),
            budget=budget,
            stop=stop,
            offline=limits.offline,
        )
        judging = Judging(desk, limits.judge, plan.settings.judge)
        subjects = [
            Subject.of(item.candidate, item.baseline, item.cases, judging, limits.repeat)
            for item in plan.items
        ]
        with closing(judging), progress.telling(budget) as on_done:
            runner = Runner(desk, limits.concurrency, stop, on_done)
            await _until_stopped(runner.run(subjects), stop)

    def text(key: str) -> str | None:
        found = answers.get(key)
        return found.text if found else None

    rate = plan.settings.min_pass_rate
    pairs = zip(plan.items, subjects, strict=True)
    prompts = tuple(_report(item, subject, limits.repeat, rate, text) for item, subject in pairs)
    return Report(
        result=together([prompt.result for prompt in prompts]),
        override=limits.override,
        stopped=stop.reason,
        requests=endpoints.requests,
        kept=desk.kept,
        spent_usd=budget.spent / NANOS,
        unpriced=budget.unpriced,
        seconds=round(time.monotonic() - start, 3),
        prompts=prompts,
    )


async def _until_stopped(work: Coroutine[None, None, None], stop: Stop) -> None:
    """Do the work. The first Ctrl-C lets what is under way end, the second one drops it."""
    task = asyncio.create_task(work)

    def interrupt() -> None:
        if stop.reason == "interrupted":
            task.cancel()
        else:
            stop.reason = "interrupted"
            output.note(STOPPING)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        loop.remove_signal_handler(signal.SIGINT)


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
