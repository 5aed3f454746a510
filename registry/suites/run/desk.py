"""Get the answer to a question: one that is kept, else a new one, within the budget."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from promptstage.requests.rendered import without_publisher
from registry.outcomes.rates import NANOS
from registry.suites.run.answers import Question
from registry.suites.run.failure import AskFailed, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage.model import Json
    from registry.suites.run.answers import AnswerStore
    from registry.suites.run.asking import Endpoints
    from registry.suites.run.budget import Budget
    from registry.suites.run.completion import Completion
    from registry.suites.run.endpoint import Endpoint
    from registry.suites.run.pricing import Pricing


class Answered(NamedTuple):
    """An answer.

    Attributes:
        key: what it is kept by.
        completion: the answer.
        cost: in nano-dollars; None: not known.
    """

    key: str
    completion: Completion
    cost: int | None


@dataclass(slots=True)
class Stop:
    """Whether a run is to end before its time, and why: ``budget`` or ``interrupted``."""

    reason: str | None = None


def question_for(endpoint: Endpoint, model: str, request: Json, repeat: int) -> Question:
    """Return what is asked at an endpoint, which knows a model with or without its publisher."""
    named = model if endpoint.publisher else without_publisher(model)
    return Question(endpoint.url, {**request, "model": named}, repeat)


class Desk:
    """Answers questions, each one once, however many ask it at the same time.

    Attributes:
        kept: how many questions had an answer that was there already.
        budget: what is spent.
    """

    def __init__(  # noqa: PLR0913 - its parts, by keyword
        self,
        *,
        answers: AnswerStore,
        endpoints: Endpoints,
        endpoint_of: Callable[[str], Endpoint],
        pricing: Pricing,
        budget: Budget,
        stop: Stop,
        offline: bool = False,
    ) -> None:
        self._answers = answers
        self._endpoints = endpoints
        self._endpoint_of = endpoint_of
        self._pricing = pricing
        self._stop = stop
        self._offline = offline
        self._under_way: dict[str, asyncio.Task[Completion]] = {}
        self.budget = budget
        self.kept = 0

    async def answer(self, model: str, request: Json, repeat: int = 0) -> Answered:
        """Answer a question.

        Args:
            model: with its publisher, if it has one.
            request: the arguments of chat completions, without a model.
            repeat: which one of several equal questions.

        Raises:
            AskFailed: there is no answer.
            Unavailable: there can be none to any question.
        """
        endpoint = self._endpoint_of(model)
        question = question_for(endpoint, model, request, repeat)
        key = question.key
        completion = self._answers.get(key)
        if completion is None:
            completion = await self._share(key, model, endpoint, question)
        else:
            self.kept += 1
        return Answered(key, completion, self._pricing.cost(model, completion))

    async def _share(self, key: str, model: str, endpoint: Endpoint, question: Question) -> Completion:
        """Ask, or wait for who asks the same."""
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, model, endpoint, question))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)

    async def _ask(self, key: str, model: str, endpoint: Endpoint, question: Question) -> Completion:
        if self._offline:
            raise AskFailed(Kind.NOT_ASKED, "there is no kept answer, and --offline asks no model")
        if self._stop.reason:
            raise AskFailed(Kind.NOT_ASKED, f"the run was stopped: {self._stop.reason}")
        estimate = self._pricing.estimate(model, question.request)
        if not self.budget.take(estimate):
            self._stop.reason = "budget"
            left = self.budget.limit / NANOS
            raise AskFailed(Kind.NOT_ASKED, f"it would go beyond the ${left:g} of --max-usd")
        try:
            completion = await self._endpoints.ask(endpoint, question.request)
        finally:
            self.budget.give_back(estimate)
        self._pricing.learn(model, completion)
        self.budget.pay(self._pricing.cost(model, completion))
        await asyncio.to_thread(self._answers.put, key, question, completion)  # others ask meanwhile
        return completion
