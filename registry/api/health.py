"""Liveness, readiness and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from registry.access.capabilities import Capability
from registry.api.docs import examples, shapes
from registry.api.http import problem
from registry.api.http.dependencies import Reader, Service, Services

if TYPE_CHECKING:
    from registry.errors import Unavailable

router = APIRouter(tags=["operations"])


@router.head("/livez", include_in_schema=False)
@router.get(
    "/livez",
    summary="Is the process alive?",
    responses=shapes.answer(shapes.Alive, "it is"),
)
async def livez() -> dict[str, str]:
    """Report liveness: restart the process if it does not answer."""
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Can releases be served?",
    responses={
        **shapes.answer(shapes.Health, "they can"),
        503: {
            "description": "they cannot yet (`starting`), or the journal is not there (`broken`)",
            "model": shapes.Health,
        },
    },
)
async def readyz(service: Service) -> Response:
    """Report readiness: 200 when releases can be served.

    A journal that cannot be written, a Redis that is down or a repository that cannot be reached is reported,
    but is no reason to refuse readers.
    """
    ready, report = await to_thread.run_sync(_examine, service, limiter=service.threads.scrapes)
    return JSONResponse(report, 200 if ready else 503)


def _examine(service: Services) -> tuple[bool, dict[str, Any]]:
    replica, mirror = service.rollouts.replica, service.catalog.mirror
    age = mirror.seconds_since_sync()
    ready = service.sync.first_sync.is_set() and (replica.problem is None or not replica.read_model.is_empty)
    return ready, {
        "status": "ready" if ready else "starting" if replica.problem is None else "broken",
        "journal": _problem(replica.problem or replica.unwritten or replica.misdated),
        "redis": _problem(replica.redis_problem),
        "repository": repository(mirror.report()["error"], age),
        "repository_age_seconds": None if age is None else round(age, 1),
    }


@router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=PlainTextResponse,
    responses={
        **problem.responses(401, 403),
        200: {"description": "the text format", "content": {"text/plain": {"example": examples.METRICS}}},
    },
)
async def metrics(service: Service, token: Reader) -> Response:
    """Show the service's numbers, summed over its workers; a token for all environments may ask."""
    for environment in service.rollouts.environments:
        token.allow(Capability.reader, environment)
    body = await to_thread.run_sync(service.metrics.render, limiter=service.threads.scrapes)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def repository(error: str | None, age: float | None) -> str:
    """Return the state of the prompt repository; a sync that never finished counts as a problem."""
    return error or ("never read; the log says more" if age is None else "ok")


def _problem(problem: Unavailable | None) -> str:
    return "ok" if problem is None else problem.message
