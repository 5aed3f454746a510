"""Calls: apps report them, and people look at them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - read at runtime
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse

from registry.access.capabilities import Capability
from registry.api.docs import examples, outcome_shapes
from registry.api.docs.shapes import answer, records
from registry.api.http import cursors, intake, problem
from registry.api.http.dependencies import App, Environment, Moment, Reader, Service, Services
from registry.api.http.intake import IntakeRoute
from registry.control import audit
from registry.errors import Invalid, NotFound
from registry.outcomes.call import UUID7
from registry.outcomes.store import calls, days
from registry.outcomes.store.usage import DIMENSIONS

router = APIRouter(
    route_class=IntakeRoute,
    prefix="/v1/environments/{environment}",
    tags=["outcomes"],
    responses=problem.responses(401, 403, 404, 422, 503),
)
PAGE = 50
MAX_PAGE = 500
MAX_TEXT = 200  # characters of a value that is looked for
UNKNOWN = "unknown"  # where spans are that name no environment
TOO_MUCH = problem.responses(413, 415, 503, codes={503: intake.BUSY})
TAKEN = answer(outcome_shapes.Taken, "durable, and counted once; which records were not taken in, and why")


def check_environment(service: Services, environment: str) -> None:
    """Require an environment that outcomes may be of. Raises NotFound."""
    if environment != UNKNOWN:
        service.rollouts.check_environment(environment)


def _where(
    prompt: Annotated[str | None, Query(max_length=MAX_TEXT, description="of this prompt alone")] = None,
    version: Annotated[str | None, Query(max_length=MAX_TEXT, description="of this version alone")] = None,
    arm: Annotated[str | None, Query(max_length=MAX_TEXT, description="of this arm alone")] = None,
    rollout: Annotated[str | None, Query(max_length=MAX_TEXT, description="of this rollout alone")] = None,
    model: Annotated[
        str | None, Query(max_length=MAX_TEXT, description="of this model alone, as the provider named it")
    ] = None,
    provider: Annotated[str | None, Query(max_length=MAX_TEXT, description="of this provider alone")] = None,
    route: Annotated[str | None, Query(max_length=MAX_TEXT, description="of this route alone")] = None,
    segment: Annotated[str | None, Query(max_length=MAX_TEXT, description="of this segment alone")] = None,
) -> tuple[tuple[str, str], ...]:
    """Collect the dimensions that are asked for."""
    given = (prompt, version, arm, rollout, model, provider, route, segment)
    return tuple((name, value) for name, value in zip(DIMENSIONS, given, strict=True) if value is not None)


Where = Annotated[tuple[tuple[str, str], ...], Depends(_where)]


@router.post(
    "/calls",
    summary="Report calls",
    responses={**TOO_MUCH, **TAKEN},
    openapi_extra=records(outcome_shapes.Calls, examples.CALLS_SENT),
)
async def report_calls(
    service: Service, token: App, environment: Environment, request: Request
) -> JSONResponse:
    """Take in calls to models: when this answers, they are durable, and count once whatever is sent again.

    A record that is not taken in never fells the others: `refused` says which, and why. Unknown fields are
    left out. `sample` is the share of calls whose content the registry keeps; of others it is dropped.
    """
    service.rollouts.check_environment(environment)
    body, encoding = await request.body(), request.headers.get("content-encoding", "")

    def take() -> JSONResponse:
        fields, records = intake.read(intake.unpacked(body, encoding), "calls")
        service.rate.take(token.id, len(records))
        batch = _batch(fields.get("batch"))
        taken = service.outcomes.take_calls(environment, token.id, batch, records)
        return JSONResponse(
            {
                "accepted": taken.accepted,
                "refused": taken.refused,
                "sample": service.outcomes.sample(environment),
            }
        )

    return await to_thread.run_sync(take, limiter=service.threads.reports)


def _batch(given: Any) -> str:
    try:
        return str(UUID(given))
    except (TypeError, ValueError, AttributeError):
        raise Invalid("batch: a UUID, the same one when this is sent again", code="invalid_request") from None


def _question(
    environment: Environment,
    where: Where,
    error: Annotated[
        str | None, Query(max_length=MAX_TEXT, description="`any`, or the class of an error")
    ] = None,
    flag: Annotated[str | None, Query(max_length=MAX_TEXT, description="with this flag")] = None,
    feedback: Annotated[
        str | None, Query(max_length=MAX_TEXT, description="with this feedback, such as `down`")
    ] = None,
    below: Annotated[
        str | None,
        Query(max_length=MAX_TEXT, description="a score and a bound, `judge:0.5`: the worst first"),
    ] = None,
    conversation: Annotated[
        str | None, Query(max_length=MAX_TEXT, description="of this conversation: itself, or its hash")
    ] = None,
    since: Annotated[Moment | None, Query(description="a time, RFC 3339 with a zone")] = None,
    until: Annotated[Moment | None, Query(description="a time, RFC 3339 with a zone")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="of one page")] = PAGE,
    cursor: Annotated[
        str | None, Query(max_length=MAX_TEXT, description="`next_cursor` of the page before")
    ] = None,
) -> tuple[calls.Query, str | None]:
    """Collect a question for calls; the conversation is hashed later, with the registry's key."""
    said = [(kind, name) for kind, name in (("flag", flag), ("feedback", feedback)) if name]
    bound = None
    if below:
        name, bound = _below(below)
        said.append(("score", name))
    if len(said) > 1:
        raise Invalid("ask for one of flag, feedback and below at once", code="invalid_request")
    asked = calls.Query(
        environment=environment,
        since=_milliseconds(since, 0),
        until=_milliseconds(until, days.FAR),
        where=where,
        error=error,
        signal=said[0] if said else None,
        below=bound,
        limit=limit,
        after=_place(cursor),
    )
    return asked, conversation


def _below(given: str) -> tuple[str, float]:
    name, _, bound = given.rpartition(":")
    try:
        return name, float(bound)
    except ValueError:
        raise Invalid(
            "below: a score's name and a number, such as judge:0.5", code="invalid_request"
        ) from None


def _place(cursor: str | None) -> tuple[float, str] | None:
    if cursor is None:
        return None
    place, _, call = cursor.partition("~")
    return cursors.decimal(place), cursors.call(call).hex()


def _milliseconds(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else round(moment.timestamp() * 1000)


@router.get("/calls", summary="List calls", responses=answer(outcome_shapes.CallPage, "a page of calls"))
async def list_calls(
    service: Service,
    _: Reader,
    question: Annotated[tuple[calls.Query, str | None], Depends(_question)],
) -> JSONResponse:
    """List single calls, newest first, without their content; they are kept for PROMPTSTAGE_KEEP_CALLS."""
    asked, conversation = question
    check_environment(service, asked.environment)

    def read() -> JSONResponse:
        numbers = service.outcomes.conversation_numbers(conversation) if conversation else ()
        found, end = service.outcomes.calls(calls.with_conversations(asked, numbers))
        cursor = None if end is None else f"{end[0]!r}~{end[1]}"
        return JSONResponse({"data": found, "next_cursor": cursor})

    return await to_thread.run_sync(read)


@router.get(
    "/calls/{call}",
    summary="Read one call",
    responses={
        **problem.responses(404, codes={404: ("unknown_environment", "unknown_call")}),
        **answer(outcome_shapes.Call, "the call"),
    },
)
async def read_call(
    service: Service,
    token: Reader,
    environment: Environment,
    call: Annotated[str, Path(description="its id", examples=[examples.CALL_ID])],
    content: Annotated[
        bool, Query(description="with what users wrote and the model answered, if it was sampled")
    ] = False,
) -> JSONResponse:
    """Read one call, with what was said of it.

    `content` takes a token of the role review, which an admin's is not, and leaves a line in the log.
    """
    check_environment(service, environment)
    if content:
        token.allow(Capability.review, environment)

    def read() -> JSONResponse:
        known = UUID7.fullmatch(call.lower())
        found = service.outcomes.call(environment, call.lower(), content=content) if known else None
        if found is None:
            raise NotFound(
                f"there is no call {call[:MAX_TEXT]!r} in {environment}; it may be there in a moment, or be "
                "too old",
                code="unknown_call",
            )
        if content:
            audit.log_reading(token.name, environment, call.lower())
        return JSONResponse(found)

    return await to_thread.run_sync(read)
