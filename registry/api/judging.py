"""Judges claim calls, hold money for their questions, and say what came of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from registry.api.docs import examples, outcome_shapes, review_shapes
from registry.api.docs.shapes import answer
from registry.api.http import problem
from registry.api.http.dependencies import Environment, Judge, Review, Service
from registry.api.http.intake import IntakeRoute
from registry.outcomes.call import UUID7
from registry.review.judges import Said

router = APIRouter(
    route_class=IntakeRoute,
    prefix="/v1/environments/{environment}",
    tags=["review"],
    responses=problem.responses(401, 403, 404, 422, 503),
)
MAX_CLAIM = 100
MAX_LEASE = 3600
MAX_USD = 100_000
MAX_SCORES = 100  # of one call: some rubrics, twice
CallId = Annotated[str, Field(pattern=f"^{UUID7.pattern}$", description="a call's id")]
Lease = Annotated[str, Field(max_length=64, description="of the claim")]
Usd = Annotated[float, Field(ge=0, le=MAX_USD)]


class Claim(BaseModel):
    """The number of calls to claim, and for how long."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [examples.CLAIM]})

    limit: int = Field(default=10, ge=1, le=MAX_CLAIM)
    lease_s: int = Field(default=300, ge=1, le=MAX_LEASE, description="seconds until others may claim them")


class Reserve(BaseModel):
    """The most that the questions about a call can cost."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [examples.RESERVE]})

    call: CallId
    lease: Lease
    usd: Usd
    max_usd_per_day: Usd | None = Field(
        default=None, description="that all judges may spend on a day (UTC); null: no limit"
    )


class Settle(BaseModel):
    """What came of a claim."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [examples.SETTLE]})

    call: CallId
    lease: Lease
    outcome: Literal["scored", "nonsense", "nothing", "failed", "released"] = Field(
        description="`nonsense`: the model gave no score; `nothing`: there is no rubric for this call; "
        "`failed`: the model could not be asked, so it can be claimed again when the lease is over; "
        "`released`: at once, as nothing was tried"
    )
    reservation: str | None = Field(default=None, max_length=64)
    usd: Usd = 0.0
    nonsense: int = Field(default=0, ge=0, le=MAX_SCORES, description="answers that were no score")
    scores: list[JsonValue] = Field(default_factory=list, max_length=MAX_SCORES)


@router.post(
    "/scores/claims",
    summary="Claim calls to judge",
    responses={
        **problem.responses(413),
        **answer(outcome_shapes.Claims, "calls with their content, and their rubrics"),
    },
)
async def claim_calls(service: Service, _: Judge, environment: Environment, body: Claim) -> JSONResponse:
    """Claim sampled calls that have no score yet; nobody else gets them until the lease is over.

    `rubrics` of a call are digests; what they stand for is beside the calls. They are those of its version's
    file; while a guarded rollout has the metric `judge`, that of the stable version counts for both arms. A
    call without any is to be settled as `nothing`.
    """
    service.rollouts.check_environment(environment)

    def claim() -> JSONResponse:
        found, lease = service.judges.claim(environment, body.limit, body.lease_s)
        rubrics: dict[str, Any] = {}
        for call in found:
            of_call = [rubric.to_json() for rubric in service.rubrics.of_call(environment, call)]
            rubrics |= {rubric["digest"]: rubric for rubric in of_call}
            call["rubrics"] = [rubric["digest"] for rubric in of_call]
        return JSONResponse({"data": found, "lease": lease, "rubrics": rubrics})

    return await to_thread.run_sync(claim, limiter=service.threads.reports)


@router.post(
    "/scores/reservations",
    summary="Hold money for a question",
    responses={
        **problem.responses(409, 413, codes={409: ("budget_spent", "lease_over")}),
        **answer(review_shapes.Reserved, "what is held, and what is left"),
    },
)
async def reserve(service: Service, _: Judge, environment: Environment, body: Reserve) -> JSONResponse:
    """Hold the most that the questions about a claimed call can cost; this holds the claim for 300 s more.

    What is held counts as spent until it is settled. What a judge that is gone held stays so: it may have
    been spent. So all judges together never spend more than the day's money.
    """
    service.rollouts.check_environment(environment)

    def held() -> JSONResponse:
        return JSONResponse(
            service.judges.reserve(environment, body.call, body.lease, body.usd, body.max_usd_per_day)
        )

    return await to_thread.run_sync(held, limiter=service.threads.reports)


@router.post(
    "/scores/settlements",
    summary="Settle a claim",
    responses={
        **problem.responses(409, 413, codes={409: ("lease_over",)}),
        **answer(outcome_shapes.Taken, "the scores that were taken in, durably"),
    },
)
async def settle(service: Service, token: Judge, environment: Environment, body: Settle) -> JSONResponse:
    """Say what came of a claim: its scores, as `POST scores` takes them, and what they cost.

    If the claim is over, its scores are not kept; what was spent counts all the same. Sent again it changes
    nothing.
    """
    service.rollouts.check_environment(environment)
    said = Said(body.lease, body.outcome, body.reservation, body.usd, body.scores, body.nonsense)

    def settled() -> JSONResponse:
        taken = service.judges.settle(environment, token.id, body.call, said)
        return JSONResponse({"accepted": taken.accepted, "refused": taken.refused})

    return await to_thread.run_sync(settled, limiter=service.threads.reports)


@router.get(
    "/review/agreement",
    summary="Compare judges with people",
    responses=answer(review_shapes.Agreements, "by judge and rubric"),
)
async def read_agreement(
    service: Service,
    _: Review,
    environment: Environment,
    prompt: Annotated[str | None, Query(max_length=200, description="of this prompt alone")] = None,
) -> JSONResponse:
    """Compare what judges say of calls with what people say, by judge and rubric.

    Each label is weighted by the inverse of the chance that its call was queued, so that the rates are those
    of all sampled calls, not of the bad ones that people see. Intervals have 95 %. Below 50 labels there are
    none. `twice` compares the first score of a call with a second one by the same judge.
    """
    service.rollouts.check_environment(environment)
    return await to_thread.run_sync(
        lambda: JSONResponse({"data": service.judges.agreement(environment, prompt)})
    )
