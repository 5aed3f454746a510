"""The evidence of a rollout: what its measured calls say about the candidate."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from registry.api.docs import evidence as shapes
from registry.api.docs.shapes import answer
from registry.api.http import problem
from registry.api.http.dependencies import Environment, Name, Reader, Service
from registry.api.http.routes import BoundedRoute
from registry.evidence.report import More

router = APIRouter(
    route_class=BoundedRoute,
    prefix="/v1/environments/{environment}/evidence",
    tags=["rollouts"],
    responses=problem.responses(
        *(401, 403, 404, 422, 503),
        codes={404: ("no_rollout", "unknown_prompt", "unknown_environment"), 503: ("outcomes_unavailable",)},
    ),
)

MAX_ID = 64


@router.get(
    "/{name:path}",
    summary="Read the evidence of a rollout",
    responses=answer(shapes.Evidence, "verdict, metrics, and what the step waits for"),
)
async def read_evidence(
    service: Service,
    _: Reader,
    environment: Environment,
    name: Name,
    rollout: Annotated[
        str | None, Query(max_length=MAX_ID, description="its id; absent: the one under way, or the last one")
    ] = None,
    recount: Annotated[
        bool, Query(description="whether to add up all units again, into `recounted`; for who verifies")
    ] = False,
    over_time: Annotated[
        bool, Query(description="whether to add the evidence of harm as it grew, into `over_time`")
    ] = False,
    by: Annotated[
        Literal["segment", "model"] | None,
        Query(description="add the calls of both arms by this, as `by`; for looking only"),
    ] = None,
) -> JSONResponse:
    """Read what the measured calls of a rollout say, while it is under way and for 30 days after its end.

    `verdict` is the first that holds of `off` (it is not guarded), `harm`, `srm` (units are not shared out as
    planned), `no_data`, `safe` and `collecting`. Harm is called where `e` reaches `threshold`. The counts are
    all that the tests need: anybody can compute them again.
    """
    read = partial(service.evidence.of, environment, name, rollout, More(recount, over_time, by))
    return JSONResponse(await to_thread.run_sync(read))
