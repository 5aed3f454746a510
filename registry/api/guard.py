"""The guard that an environment has for its rollouts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from registry.api.docs import shapes
from registry.api.http import problem
from registry.api.http.dependencies import Environment, Reader, Service
from registry.api.http.routes import BoundedRoute

router = APIRouter(
    route_class=BoundedRoute,
    prefix="/v1/environments/{environment}",
    tags=["rollouts"],
    responses=problem.responses(401, 403, 404, 503),
)


@router.get(
    "/guard",
    summary="Read the guard of an environment",
    responses=shapes.answer(shapes.EnvironmentGuard, "what a start gets, where it says nothing else"),
)
def read_guard(service: Service, _: Reader, environment: Environment) -> dict[str, Any]:
    """Read the guard that a start has by itself, or with `"guard": true`."""
    return service.rollouts.guard_of(environment)
