"""Judge an answer by the checks of its case; a judge model is asked like any other."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.outcomes.rates import NANOS
from registry.suites import scoring
from registry.suites.checks import rubrics, values
from registry.suites.checks.check import Answer, broken
from registry.suites.checks.judge import judge
from registry.suites.checks.vocabulary import KINDS
from registry.suites.run.failure import AskFailed, Failed, Kind, Trouble
from registry.suites.run.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.suites.cases import Case
    from registry.suites.checks.check import Check, Question, Verdict
    from registry.suites.run.desk import Answered, Desk


def _threads() -> ThreadPoolExecutor:
    """As many as can compute at the same time: each slow check has a process of its own meanwhile."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="judge")


@dataclass(frozen=True, slots=True)
class Judging:
    """Judges answers.

    Attributes:
        desk: asks the judge model.
        judge: that is asked whatever the check names; None: the check's own.
        usual: that is asked where a check names none; None: such a check cannot be judged.
    """

    desk: Desk
    judge: str | None = None
    usual: str | None = None
    _threads: ThreadPoolExecutor = field(default_factory=_threads, init=False, repr=False)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def model_for(self, question: Question) -> str | None:
        """Return the model that is asked a question."""
        return self.judge or question.model or self.usual

    async def __call__(self, case: Case, answered: Answered) -> Trial:
        """Judge an answer. Raises Unavailable: the judge model can answer nothing."""
        completion = answered.completion
        cost = None if answered.cost is None else answered.cost / NANOS
        answer = Answer(
            completion.text, completion.tool_calls, completion.latency_ms, cost, completion.finish_reason
        )
        verdicts, trouble = [], None
        for check in case.checks:
            try:
                verdict = await self._verdict(check, answer, case)
            except AskFailed as failed:
                trouble = trouble or Trouble(failed.kind, f"{check.label}: the judge has no answer: {failed}")
                verdict = broken(failed.message)
            verdicts.append(verdict)
        return _trial(case, verdicts, trouble, answered)

    async def _verdict(self, check: Check, answer: Answer, case: Case) -> Verdict:
        reply = await self._reply(check, answer, case)

        def judged() -> Verdict:
            return judge(check, answer, vars=case.values, rubric=None if reply is None else lambda _: reply)

        if check.type in KINDS and KINDS[check.type].slow:
            return await asyncio.get_running_loop().run_in_executor(self._threads, judged)
        return judged()

    async def _reply(self, check: Check, answer: Answer, case: Case) -> str | None:
        """Ask the judge model, if a check needs one, and there is one. Raises AskFailed."""
        try:
            question = rubrics.question(check, answer, case.values)
        except values.Missing:
            return None  # and `judge` says so
        model = self.model_for(question) if question else None
        if question is None or model is None:
            return None
        replied = await self.desk.answer(model, {"messages": list(question.messages)})
        return replied.completion.text


def _trial(case: Case, verdicts: Sequence[Verdict], trouble: Trouble | None, answered: Answered) -> Trial:
    """Put the verdicts together. A check without a verdict matters unless the case has failed without it."""
    judged = list(zip(case.checks, verdicts, strict=True))
    together = scoring.score(case.checks, verdicts, case.threshold)
    failures = tuple(
        Failed(check.label, verdict.reason)
        for check, verdict in judged
        if not verdict.passed and not verdict.broken
    )
    is_open = together.broken and (case.threshold is not None or not failures)
    completion = answered.completion
    return Trial(
        key=answered.key,
        trouble=(trouble or _trouble(judged)) if is_open else None,
        failures=() if is_open or together.passed else failures,
        passed=together.passed,
        score=together.score,
        response_model=completion.response_model,
        cost=answered.cost,
        latency_ms=completion.latency_ms,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
    )


def _trouble(judged: Sequence[tuple[Check, Verdict]]) -> Trouble:
    check, verdict = next(pair for pair in judged if pair[1].broken and pair[0].weight)
    kind = Kind.BAD_JUDGE if check.type in rubrics.TYPES else Kind.BAD_CHECK
    return Trouble(kind, f"{check.label}: {verdict.reason}")
