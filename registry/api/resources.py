"""All resources of the HTTP API, with the limits of their bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.api import (
    attestations,
    budgets,
    calls,
    clients,
    doctor,
    evidence,
    guard,
    health,
    history,
    judging,
    operations,
    otlp,
    prompts,
    releases,
    review,
    rollouts,
    scores,
    stream,
    tokens,
    usage,
    webhooks,
)
from registry.api.http import intake, problem
from registry.api.http.dependencies import MAX_BODY_BYTES

if TYPE_CHECKING:
    from fastapi import FastAPI

RESOURCES = (
    attestations, prompts, releases, stream, clients, history, guard, rollouts, evidence, calls, scores,
    judging, review, usage, otlp, budgets, tokens, doctor, operations, health, webhooks,
)  # fmt: skip
LARGER = {
    calls: intake.MAX_BODY_BYTES,
    scores: intake.MAX_BODY_BYTES,
    otlp: otlp.MAX_BODY_BYTES,
    webhooks: webhooks.MAX_BODY_BYTES,
}
_OF_THE_SERVER = problem.responses(431)  # before any endpoint


def include(app: FastAPI) -> None:
    """Add the routes of all resources to an app."""
    for resource in RESOURCES:
        size = LARGER.get(resource, MAX_BODY_BYTES)
        app.include_router(resource.router, max_body_size=size, responses=_OF_THE_SERVER)
    app.state.routes = [route for resource in RESOURCES for route in resource.router.routes]


def max_body_bytes(path: str) -> int:
    """Return the limit of a body by its path, to refuse it before any of it is read."""
    if path == webhooks.PATH:
        return webhooks.MAX_BODY_BYTES
    if path.rstrip("/") in otlp.PATHS:
        return otlp.MAX_BODY_BYTES
    return intake.MAX_BODY_BYTES if intake.takes_in(path) else MAX_BODY_BYTES
