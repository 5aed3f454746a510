"""``promptstage eval NAME@VERSION --from-calls N``: real inputs, before the first user sees the version."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from registry.cli import http, output
from registry.cli.suites import engine as engines
from registry.cli.suites import progress
from registry.cli.suites.engine import opened, until_stopped
from registry.cli.suites.plan import general_checks
from registry.errors import Invalid
from registry.outcomes.rates import NANOS
from registry.suites.cases import Case
from registry.suites.problems import Place
from registry.suites.reports import figures
from registry.suites.run import pairwise
from registry.suites.run.answers import InMemory
from registry.suites.run.desk import Answered
from registry.suites.run.failure import AskFailed, Trouble
from registry.suites.run.pairwise import Comparison, Duel, Pair
from registry.suites.run.trial import Trial
from registry.suites.run.workers import work_off
from registry.system.figures import counted, dollars
from registry.wording import paths
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptstage.model import Json
    from registry.cli.http import Registry
    from registry.cli.suites.engine import Engine, Limits
    from registry.cli.suites.plan import Item, Plan

LOOKED_AT = 100  # calls for each one that is wanted: of most the content was not kept
SHOWN = 20  # pairs
ANSWER = 300  # characters of an answer


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call with its content, as a case."""

    call: Json
    case: Case


def compare(plan: Plan, limits: Limits, count: int, environment: str) -> Comparison:
    """Compare the one version of a plan with what was answered to real calls. Raises RegistryError."""
    (item,) = plan.items
    recorded = list(islice(_recorded(http.connect(), item, environment, count), count))
    if not recorded:
        raise Invalid(
            f"no call of {item.file.name} with its content is in {environment}; an operator keeps a share of "
            "them by [environments.E.content] sample = 0.02"
        )
    return engines.run(_run(plan, limits, recorded))


def _recorded(registry: Registry, item: Item, environment: str, count: int) -> Iterator[Recorded]:
    """Yield sampled calls of other versions that went well, newest first."""
    name = item.file.name
    checks = general_checks(item.suite, item.candidate.document)
    path = paths.calls_path(environment)
    for listed in registry.pages(f"{path}?{urlencode({'prompt': name})}", count * LOOKED_AT):
        if not listed["sampled"] or listed["erased"] or listed.get("error") or not listed["ended"]:
            continue
        if listed.get("version") == item.candidate.version:
            continue
        call = registry.get(f"{path}/{listed['id']}", "id", content="true")
        given = pairwise.inputs(call)
        if given is not None and pairwise.recorded_completion(call):
            yield Recorded(call, Case(call["id"], given, None, checks, (), None, Place("calls", 1)))


async def _run(plan: Plan, limits: Limits, recorded: Sequence[Recorded]) -> Comparison:
    start = time.monotonic()
    (item,) = plan.items
    found: list[Pair] = []
    async with opened(plan.settings, limits, InMemory()) as engine:
        with progress.telling(engine.desk.budget) as on_done:

            async def one(each: Recorded) -> None:
                found.append(await _pair(engine, item, each))
                on_done(len(recorded) - len(found))

            await until_stopped(work_off(recorded, one, limits.concurrency, engine.stop), engine.stop)
    return Comparison(
        prompt=item.file.name,
        label=item.candidate.label,
        model=item.candidate.model,
        judge=item.judge,
        pairs=tuple(pairwise.open_first(found)),
        stopped=engine.stop.reason,
        requests=engine.endpoints.requests,
        spent_usd=engine.desk.budget.spent / NANOS,
        unpriced=engine.desk.budget.unpriced,
        seconds=round(time.monotonic() - start, 3),
    )


async def _pair(engine: Engine, item: Item, recorded: Recorded) -> Pair:
    call, case = recorded.call, recorded.case
    before = pairwise.recorded_completion(call)
    assert before is not None  # noqa: S101 - such calls were left out
    cost = None if call["cost_usd"] is None else round(call["cost_usd"] * NANOS)
    text = None
    try:
        answered = await engine.desk.answer(item.candidate.model, item.candidate.request(case.vars))
        text = answered.completion.text
        trial = await engine.judging(case, answered)
        old = await engine.judging(case, Answered("", before, cost))
    except AskFailed as failed:
        trial = old = Trial(trouble=Trouble(failed.kind, failed.message))
    duel = pairwise.duel(trial, old)
    return Pair(
        call=call["id"],
        version=call.get("version") or "unknown",
        duel=duel,
        failures=trial.failures,
        recorded_failures=old.failures,
        trouble=trial.trouble or old.trouble,
        answer=text if duel is not Duel.TIE else None,
        recorded=before.text if duel is not Duel.TIE else None,
    )


def show(comparison: Comparison, *, as_json: bool) -> None:
    """Print a comparison; its answers are those of real users."""
    if as_json:
        print(json.dumps(comparison.to_json(), indent=2))
        return
    judge = f", judged by {clean(comparison.judge)}" if comparison.judge else ""
    said = f"{comparison.label}: {counted(len(comparison.pairs), 'recorded call')}{judge}"
    output.pieces((f"{comparison.prompt} ", "bold"), (said, ""))
    for pair in [pair for pair in comparison.pairs if pair.duel is not Duel.TIE][:SHOWN]:
        _show(pair)
    counts = [f"{comparison.count(duel)} {word}" for duel, word in WORDS.items()]
    output.say(f"\n{', '.join(counts)}; exact sign test p {comparison.p:.2g}")
    if comparison.stopped:
        output.say(f"The run was {figures.STOPPED[comparison.stopped]}", "bold yellow")
    asked = counted(comparison.requests, "request")
    output.say(f"{asked}, {dollars(comparison.spent_usd)} spent in {comparison.seconds:.1f} s", "dim")
    output.say(comparison.result.upper(), "bold")


WORDS = {Duel.WIN: "won", Duel.LOSS: "lost", Duel.TIE: "tied", Duel.OPEN: "without a verdict"}
STYLES = {Duel.WIN: "green", Duel.LOSS: "bold red", Duel.OPEN: "yellow"}


def _show(pair: Pair) -> None:
    output.say()
    output.pieces((f"  {pair.duel} ", STYLES[pair.duel]), (clean(pair.call), "bold"))
    if pair.trouble:
        output.say(f"    {pair.trouble.kind}: {clean(pair.trouble.message)}")
        return
    for word, failures, text in (
        (clean(pair.version), pair.recorded_failures, pair.recorded),
        ("now", pair.failures, pair.answer),
    ):
        output.say(f"    {word}: {clean(' '.join((text or '').split()), ANSWER) or '(empty)'}")
        for failure in failures:
            output.say(f"      {clean(failure.check)}: {clean(failure.reason)}")
