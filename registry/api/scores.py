"""What is said of calls, by people and by judges; and what is to be forgotten of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from registry.api.calls import TAKEN, TOO_MUCH
from registry.api.docs import examples, outcome_shapes
from registry.api.docs.shapes import answer, records
from registry.api.http import intake, problem
from registry.api.http.dependencies import Admin, App, Environment, Judge, Service, Services
from registry.api.http.intake import IntakeRoute
from registry.outcomes.store.fold import FEEDBACK, SCORES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from registry.access.tokens import Token
    from registry.outcomes.outcomes import Taken

router = APIRouter(
    route_class=IntakeRoute,
    prefix="/v1/environments/{environment}",
    tags=["outcomes"],
    responses=problem.responses(401, 403, 404, 422, 503),
)


class Erasure(BaseModel):
    """Whose calls: a key or a conversation, itself or the first 16 hexadecimal digits of its SHA-256."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.ERASURE]})

    key: Annotated[str | None, Field(min_length=1)] = None
    conversation: Annotated[str | None, Field(min_length=1)] = None

    @model_validator(mode="after")
    def _one(self) -> Erasure:
        if (self.key is None) == (self.conversation is None):
            raise ValueError("give a key or a conversation")
        return self


async def _take(
    service: Services,
    environment: str,
    request: Request,
    name: str,
    take: Callable[[Sequence[Any]], Taken],
) -> JSONResponse:
    """Take in one record or a list of them."""
    service.rollouts.check_environment(environment)
    body, encoding = await request.body(), request.headers.get("content-encoding", "")
    token: Token = request.state.token

    def taken() -> JSONResponse:
        _, records = intake.read(intake.unpacked(body, encoding), name)
        service.rate.take(token.id, len(records))
        done = take(records)
        return JSONResponse({"accepted": done.accepted, "refused": done.refused})

    return await to_thread.run_sync(taken, limiter=service.threads.reports)


@router.post(
    "/feedback",
    summary="Report feedback",
    responses={**TOO_MUCH, **TAKEN},
    openapi_extra=records(outcome_shapes.Feedback, examples.FEEDBACK_SENT),
)
async def report_feedback(
    service: Service, token: App, environment: Environment, request: Request
) -> JSONResponse:
    """Take in what people signalled about calls, one or a list.

    A repeat replaces what the same kind said of the same call before. Before its call has come, feedback is
    kept for a day. A comment is text of people: it is kept only where the operator keeps content.
    """
    take = partial(service.outcomes.take_signals, environment, token.id, FEEDBACK)
    return await _take(service, environment, request, "feedback", take)


@router.post(
    "/scores",
    summary="Report scores",
    responses={**TOO_MUCH, **TAKEN},
    openapi_extra=records(outcome_shapes.Score, examples.SCORES_SENT),
)
async def report_scores(
    service: Service, token: Judge, environment: Environment, request: Request
) -> JSONResponse:
    """Take in what a judge says of calls, one score or a list; a repeat replaces, by call, name and judge."""
    take = partial(service.outcomes.take_signals, environment, token.id, SCORES)
    return await _take(service, environment, request, "scores", take)


@router.post(
    "/resolutions",
    summary="Report a conversation that is done",
    responses={**TOO_MUCH, **TAKEN},
    openapi_extra=records(outcome_shapes.Resolution, examples.RESOLUTION_SENT),
)
async def report_resolutions(
    service: Service, token: App, environment: Environment, request: Request
) -> JSONResponse:
    """Take in that a unit of business is done, well or not: usage then has a cost per resolution."""
    take = partial(service.outcomes.take_resolutions, environment, token.id)
    return await _take(service, environment, request, "resolutions", take)


@router.post(
    "/erasures",
    summary="Erase a person's calls",
    responses={**problem.responses(413), **answer(outcome_shapes.Erased, "how many calls it was")},
)
async def erase_calls(
    service: Service, admin: Admin, environment: Environment, body: Erasure
) -> JSONResponse:
    """Erase identity and content of the calls of a key or conversation; usage keeps its sums."""
    service.rollouts.check_environment(environment)
    name, value = ("key", body.key) if body.key else ("conversation", body.conversation)

    def erase() -> JSONResponse:
        erased = service.outcomes.erase(environment, admin.id, name, str(value))
        return JSONResponse({"calls": erased.calls, "cases": erased.cases})

    return await to_thread.run_sync(erase, limiter=service.threads.reports)
