"""People look at calls, and say what they are worth; what they say can become cases in git."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from registry.api.docs import examples, review_shapes
from registry.api.docs.shapes import answer
from registry.api.http import cursors, problem
from registry.api.http.dependencies import Environment, Moment, Review, Service
from registry.api.http.routes import ChangingRoute
from registry.control import audit
from registry.outcomes.call import UUID7, moment
from registry.outcomes.store import rows
from registry.outcomes.store.queue import Person
from registry.review import rules

UNKNOWN_CALL = ("unknown_environment", "unknown_call")
TAKEN = ("claimed", "labelled", "skipped", "pulled", "erased", "not_sampled")
router = APIRouter(
    route_class=ChangingRoute,
    prefix="/v1/environments/{environment}",
    tags=["review"],
    responses=problem.responses(401, 403, 404, 422, 503),
)
of_call = problem.responses(404, 409, 413, codes={404: UNKNOWN_CALL, 409: TAKEN})
PAGE = 50
MAX_PAGE = 500
MAX_NAME = 200
MAX_NOTE = 2000  # characters
MAX_TAGS = 20
MAX_EXPECTED = 64 << 10  # characters of JSON: what a case may hold and people still read
MAX_CASES = 1000
Call = Annotated[str, Path(description="its id", examples=[examples.CALL_ID])]
OfPrompt = Annotated[str | None, Query(max_length=MAX_NAME, description="of this prompt alone")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="of one page")]
Cursor = Annotated[
    str | None, Query(pattern=r"^\d{1,19}\.[0-9a-f]{1,32}$", description="`next_cursor` of the page before")
]
Tag = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+$")]


class SaidLabel(BaseModel):
    """What a person says of a call."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.LABEL_SENT]})

    verdict: Literal["good", "bad"]
    expected: JsonValue = Field(default=None, description="what the answer should have been")
    note: str | None = Field(default=None, max_length=MAX_NOTE)
    tags: list[Tag] = Field(default_factory=list, max_length=MAX_TAGS)
    case: bool = Field(default=True, description="whether `cases pull` makes a case of it")

    @field_validator("expected")
    @classmethod
    def _short(cls, value: JsonValue) -> JsonValue:
        if len(str(value)) > MAX_EXPECTED:
            raise ValueError(f"at most {MAX_EXPECTED} characters")
        return value


class PulledCases(BaseModel):
    """Which labels are cases in git now: their ids there, by call."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.PULLED_SENT]})

    cases: dict[str, Annotated[str, Field(min_length=1, max_length=MAX_NAME)]] = Field(max_length=MAX_CASES)

    @field_validator("cases")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        if wrong := next((call for call in value if not UUID7.fullmatch(call)), None):
            raise ValueError(f"{wrong[:40]!r} is no id of a call")
        return value


def _place(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    first, _, second = cursor.partition(".")
    return cursors.whole(first), second


@router.get(
    "/review",
    summary="List what waits for review",
    responses=answer(review_shapes.ReviewPage, "a page of calls, without their content"),
)
async def list_review(
    service: Service,
    _: Review,
    environment: Environment,
    prompt: OfPrompt = None,
    state: Annotated[
        Literal["open", "done"], Query(description="what waits, or what was labelled, the newest first")
    ] = "open",
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> JSONResponse:
    """List the calls that people are to look at: in an order that favours none.

    In the queue are sampled calls with a score below 0.5, with feedback `down` or `edited`, or with a flag,
    and one in 50 of the others. `because` does not tell of scores, nor does anything here before a call is
    labelled. `open` counts all that wait.
    """
    service.rollouts.check_environment(environment)
    after = _place(cursor)

    def read() -> JSONResponse:
        if state == "done":
            place = (after[0], cursors.call(after[1])) if after else None
            found = service.review.labels(environment, {"prompt": prompt}, limit, place)
            _, count = service.review.waiting(environment, prompt, 1, None)
            return JSONResponse({"data": found, "open": count, "next_cursor": _after_label(found, limit)})
        place_of = (after[0], cursors.whole(after[1], 16)) if after else None
        items, count = service.review.waiting(environment, prompt, limit, place_of)
        return JSONResponse({"data": items, "open": count, "next_cursor": _after_item(items, limit)})

    return await to_thread.run_sync(read)


@router.post(
    "/review/{call}/claim",
    summary="Claim a call to review",
    responses={**of_call, **answer(review_shapes.Claimed, "the call with its content, and without scores")},
)
async def claim_call(service: Service, token: Review, environment: Environment, call: Call) -> JSONResponse:
    """Take a call to look at, for ten minutes, in which nobody else can.

    Any call whose content is kept can be claimed, also one that is not in the queue. That it was read
    leaves a line in the log.
    """
    service.rollouts.check_environment(environment)

    def claim() -> JSONResponse:
        found = service.review.claim(environment, call, Person(token.id, token.name))
        audit.log_reading(token.name, environment, found["call"])
        return JSONResponse(found)

    return await to_thread.run_sync(claim, limiter=service.threads.changes)


@router.post(
    "/review/{call}/label",
    summary="Label a call",
    responses={**of_call, **answer(review_shapes.Labelled, "the label, and what judges said")},
)
async def label_call(
    service: Service, token: Review, environment: Environment, call: Call, body: SaidLabel
) -> JSONResponse:
    """Say whether an answer is good, and what it should have been. Only now are the scores shown.

    The same token may say something else, until `cases pull` made a case of it.
    """
    service.rollouts.check_environment(environment)
    person, said = Person(token.id, token.name), body.model_dump()
    return await to_thread.run_sync(
        lambda: JSONResponse(service.review.label(environment, call, person, said)),
        limiter=service.threads.changes,
    )


@router.post(
    "/review/{call}/skip",
    summary="Skip a call",
    responses={**of_call, **answer(review_shapes.Skipped, "the call, behind the others now")},
)
async def skip_call(service: Service, token: Review, environment: Environment, call: Call) -> JSONResponse:
    """Leave a call to others: it comes behind all that were skipped less, and is done at the third time."""
    service.rollouts.check_environment(environment)
    person = Person(token.id, token.name)
    return await to_thread.run_sync(
        lambda: JSONResponse(service.review.skip(environment, call, person)), limiter=service.threads.changes
    )


@router.get(
    "/labels", summary="List labels", responses=answer(review_shapes.LabelPage, "a page, the newest first")
)
async def list_labels(
    service: Service,
    token: Review,
    environment: Environment,
    prompt: OfPrompt = None,
    since: Annotated[Moment | None, Query(description="a time, RFC 3339 with a zone")] = None,
    case: Annotated[bool | None, Query(description="only those that become cases, or do not")] = None,
    pulled: Annotated[bool | None, Query(description="only those that are in git, or are not")] = None,
    content: Annotated[bool, Query(description="with what users wrote and models answered")] = False,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> JSONResponse:
    """List what people said of calls. `content` leaves a line in the log for each call."""
    service.rollouts.check_environment(environment)
    where = {
        "prompt": prompt,
        "since": None if since is None else round(since.timestamp() * 1000),
        "case": case,
        "pulled": pulled,
    }
    after = _place(cursor)

    def read() -> JSONResponse:
        place = (after[0], cursors.call(after[1])) if after else None
        found = service.review.labels(environment, where, limit, place, content=content)
        for label in found if content else ():
            audit.log_reading(token.name, environment, label["call"])
        return JSONResponse({"data": found, "next_cursor": _after_label(found, limit)})

    return await to_thread.run_sync(read)


@router.post(
    "/labels/pulled",
    summary="Note which labels are cases",
    responses={**problem.responses(413), **answer(review_shapes.Pulled, "how many were not before")},
)
async def note_pulled(
    service: Service, _: Review, environment: Environment, body: PulledCases
) -> JSONResponse:
    """Note which labels are cases in git, and by which ids: what the registry kept for them may go then."""
    service.rollouts.check_environment(environment)
    return await to_thread.run_sync(
        lambda: JSONResponse({"pulled": service.review.pull(environment, body.cases)}),
        limiter=service.threads.changes,
    )


def _after_item(items: list[dict[str, Any]], limit: int) -> str | None:
    if len(items) < limit:
        return None
    last = items[-1]
    return f"{last['skips']}.{rules.place(rows.call_key(last['call'])):x}"


def _after_label(labels: list[dict[str, Any]], limit: int) -> str | None:
    if len(labels) < limit:
        return None
    last = labels[-1]
    return f"{moment(last['at'])}.{rows.call_key(last['call']).hex()}"
