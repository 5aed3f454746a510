"""Judge calls of production: claim some, ask a judge model by their rubrics, and say what came of it.

A process that is killed at any moment leaves a claim, which ends by itself, and what it held of the day's
money, which counts as spent. So each call is judged once, and all judges spend no more than a day allows.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage.requests.rendered import without_publisher
from registry.errors import Invalid
from registry.outcomes.rates import NANOS, Tokens
from registry.outcomes.store.rows import call_key
from registry.review import rubrics, rules
from registry.suites.run.failure import AskFailed, Kind
from registry.wording import paths
from registry.wording.reads import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from promptstage.model import Json
    from registry.cli.http import Registry
    from registry.outcomes.prices import Prices
    from registry.review.rubrics import Rubric
    from registry.suites.checks.check import Question
    from registry.suites.run.asking import Endpoints
    from registry.suites.run.completion import Completion
    from registry.suites.run.endpoint import Endpoint

LEASE_SECONDS = 300
CALL_SECONDS = 240.0  # for all questions about one call: its lease is longer
ANSWER_TOKENS = 2000  # of a judge: one sentence and a score, after some thought
FRAME_TOKENS = 50  # around each message, and at the end: more than any API adds
MAYBE_PAID = (Kind.TIMEOUT, Kind.CUT_OFF, Kind.BAD_ANSWER)  # the model worked, and nobody knows for how much


class Asked(NamedTuple):
    """A question about a call: under which name its score goes, and who answers."""

    name: str
    rubric: Rubric
    question: Question
    model: str


class Replied(NamedTuple):
    """What a model said to a question, and what it cost in nano-dollars."""

    asked: Asked
    completion: Completion
    nanos: int


@dataclass(slots=True)
class Done:
    """What a process did: outcomes of calls, scores, and nano-dollars."""

    outcomes: Counter[str] = field(default_factory=Counter)
    scores: int = 0
    nonsense: int = 0
    nanos: int = 0
    failure: str = ""  # why a model had no answer, the last time
    spent_until: str = ""  # when the day's money is there again, once it is spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Judges calls of one environment.

    Attributes:
        usual: the model that judges where neither a guard nor a check names one; None: such a check does not.
        most: dollars that all judges may spend on a day.
        prices: of models.
        endpoint_of: where a model is asked.
        now: the clock.
    """

    registry: Registry
    environment: str
    endpoints: Endpoints
    endpoint_of: Callable[[str], Endpoint]
    prices: Prices
    usual: str | None
    most: float
    now: Callable[[], datetime]
    done: Done = field(default_factory=Done)

    async def some(self, limit: int) -> int:
        """Claim calls and judge them; return how many were claimed: 0 if none waits.

        Raises:
            Unavailable: the registry does not answer, or no model can be asked.
            Invalid: a model's price is not known, so that the budget cannot be kept.
        """
        claimed = await self._post("claims", {"limit": limit, "lease_s": LEASE_SECONDS}, "lease")
        known = {digest: rubrics.from_json(rubric) for digest, rubric in claimed["rubrics"].items()}
        lease = claimed["lease"]
        # All are settled, whatever becomes of one: what they cost is known then.
        ended = await asyncio.gather(
            *(self._judge(call, lease, [known[one] for one in call["rubrics"]]) for call in claimed["data"]),
            return_exceptions=True,
        )
        for failure in ended:
            if failure is not None:
                raise failure
        return len(ended)

    async def _judge(self, call: Json, lease: str, listed: Sequence[Rubric]) -> None:
        """Judge one call."""
        claim = {"call": call["id"], "lease": lease}
        try:
            asked = self._questions(call, listed)
            held = await self._reserve(claim, sum(map(self._most, asked))) if asked else None
            if held:
                came = await self._ask(asked)
                scores = [{"call": call["id"], **score} for score in came["scores"]]
                await self._settle({**claim, "reservation": held["id"], **came, "scores": scores})
            else:
                await self._settle({**claim, "outcome": "released" if asked else "nothing"})
        except Invalid:
            await self._settle({**claim, "outcome": "released"})
            raise
        except Refused as error:
            if error.code != "lease_over":
                raise
            self.done.outcomes["lease_over"] += 1

    def _questions(self, call: Json, listed: Sequence[Rubric]) -> list[Asked]:
        """Return what is asked about a call: by each rubric, and of one call in 20 all of it twice."""
        first = []
        for rubric in listed:
            question = rubrics.question(rubric, call)
            if question:
                model = rubric.model or question.model or self.usual
                if model is None:
                    raise Invalid(_no_model(call, rubric), code="no_judge")
                first.append(Asked(rubric.name, rubric, question, model))
        if not rules.is_judged_twice(call_key(call["id"])):
            return first
        return first + [asked._replace(name=rubrics.again(asked.name)) for asked in first]

    async def _reserve(self, claim: Json, nanos: int) -> Json | None:
        """Hold money; None if the day's is spent."""
        body = {**claim, "usd": nanos / NANOS, "max_usd_per_day": self.most}
        try:
            return await self._post("reservations", body, "id")
        except Refused as error:
            if error.code != "budget_spent":
                raise
            self.done.spent_until = error.extra["resets_at"]
            return None

    async def _ask(self, asked: Sequence[Asked]) -> Json:
        """Ask all questions about a call, and return what came of it."""
        replied: list[Replied] = []
        nanos = 0
        try:
            async with asyncio.timeout(CALL_SECONDS):
                for one in asked:
                    replied.append(await self._reply(one))  # noqa: PERF401 - what came before a failure counts
        except (AskFailed, TimeoutError) as error:
            self.done.failure = str(error) or f"no answer within {CALL_SECONDS:g} s"
            unknown = not isinstance(error, AskFailed) or error.kind in MAYBE_PAID
            nanos = self._most(asked[len(replied)]) if unknown else 0
        nanos += sum(one.nanos for one in replied)
        scores = [score for one in replied if (score := _score(one))]
        nonsense = len(replied) - len(scores)
        is_whole = len(replied) == len(asked)
        outcome = "failed" if not is_whole else "scored" if scores else "nonsense"
        return {
            "outcome": outcome,
            "usd": nanos / NANOS,
            "nonsense": nonsense if is_whole else 0,
            "scores": scores if is_whole else [],
        }

    async def _reply(self, asked: Asked) -> Replied:
        """Ask one question. Raises AskFailed."""
        endpoint = self.endpoint_of(asked.model)
        model = asked.model if endpoint.publisher else without_publisher(asked.model)
        completion = await self.endpoints.ask(endpoint, {"model": model, **_request(asked.question)})
        return Replied(asked, completion, self._cost(asked, completion))

    def _cost(self, asked: Asked, completion: Completion) -> int:
        """Return what an answer cost; the most that it can, if it does not say how long it was."""
        tokens = completion.tokens
        return self._most(asked) if tokens is None else self._price(asked.model, tokens)

    def _most(self, asked: Asked) -> int:
        """Return the most that a question can cost: a token has at least one byte."""
        messages = asked.question.messages
        sent = len(json.dumps(messages, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return self._price(asked.model, Tokens(sent + FRAME_TOKENS * (len(messages) + 1), ANSWER_TOKENS))

    def _price(self, model: str, tokens: Tokens) -> int:
        publisher, _, plain = model.rpartition("/")
        names = ((plain, publisher or None), (model, None))
        found = (self.prices.price(name, provider, tokens, self.now()) for name, provider in names)
        priced = next(filter(None, found), None)
        if priced is None:
            raise Invalid(
                f"the price of {model} is not known, so the budget cannot be kept; write it to a file "
                "(docs/costs.md shows how; 0 is a price, too), and name that by --prices",
                code="unpriced",
            )
        return priced.nanos

    async def _settle(self, body: Json) -> None:
        await self._post("settlements", body, "accepted")
        done = self.done
        done.outcomes[body["outcome"]] += 1
        done.scores += len(body.get("scores", ()))
        done.nonsense += body.get("nonsense", 0)
        done.nanos += round(body.get("usd", 0) * NANOS)

    async def _post(self, what: str, body: Json, member: str) -> Json:
        path = f"{paths.scores_path(self.environment)}/{what}"
        return await asyncio.to_thread(self.registry.post, path, body, member)


def _no_model(call: Json, rubric: Rubric) -> str:
    return (
        f"the rubric {rubric.name} of {call['prompt']}@{call['version']} names no model to judge; give "
        "--model openai/gpt-5.4-mini, or write it to a promptstage.toml here:  [eval] judge = ..."
    )


def _request(question: Question) -> dict[str, Any]:
    return {"messages": list(question.messages), "max_completion_tokens": ANSWER_TOKENS}


def _score(replied: Replied) -> Json | None:
    """Return a score as it is reported; None if the answer is none."""
    asked = replied.asked
    value = rubrics.score(asked.rubric, replied.completion.text)
    if value is None:
        return None
    return {"name": asked.name, "value": value, "judge": asked.model, "rubric": asked.rubric.digest}
