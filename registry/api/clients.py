"""Connected clients and their releases, over all processes that share a Redis.

A release counts as current once it was written to the client's connection: a stream has no acknowledgement,
so more cannot be known.
"""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from registry.api.docs import shapes
from registry.api.http import problem
from registry.api.http.dependencies import Environment, Reader, Service, Services
from registry.api.http.routes import BoundedRoute
from registry.errors import Invalid
from registry.streams import counts as stream_counts

router = APIRouter(
    route_class=BoundedRoute,
    prefix="/v1/environments/{environment}",
    tags=["releases"],
    responses=problem.responses(401, 403, 404, 422),
)

MAX_NAMES = 1000  # per request; more are not read at once


@router.get(
    "/clients", summary="Count connected clients", responses=shapes.answer(shapes.Clients, "by prompt")
)
async def list_clients(
    service: Service,
    _: Reader,
    environment: Environment,
    names: Annotated[
        str | None, Query(description="a,b; left out: all that are followed or in force")
    ] = None,
) -> JSONResponse:
    """Count the clients that follow each prompt, and those to which its newest release was written.

    `current` counts the streams of `connected` to which `release`, or a newer one, was written, or whose
    client reported holding it. `complete` is false while Redis does not answer: then the numbers are those of
    the answering process alone.
    """
    asked = None if names is None else list(dict.fromkeys(name for name in names.split(",") if name))
    if asked and len(asked) > MAX_NAMES:
        raise Invalid(f"names: at most {MAX_NAMES} at once")
    tallies, complete = await service.presence.all()

    def count() -> JSONResponse:
        return JSONResponse({**_counted(service, environment, asked, tallies), "complete": complete})

    return await to_thread.run_sync(count)  # with thousands of prompts it takes a while


def _counted(
    service: Services, environment: str, asked: list[str] | None, tallies: list[stream_counts.StreamCounts]
) -> dict[str, Any]:
    states = {state.prompt: state for state in service.rollouts.states(environment, asked) if state.stable}
    newest = {prompt: state.position for prompt, state in states.items()}
    counts = stream_counts.count(tallies, environment, newest)
    prompts = sorted(states.keys() | counts.keys()) if asked is None else asked
    return {
        "data": [_row(name, states[name].tag if name in states else None, counts) for name in prompts],
        "connected": sum(one.streams[environment] for one in tallies),
        "registries": len(tallies),
    }


def _row(prompt: str, release: str | None, counts: dict[str, tuple[int, int]]) -> dict[str, Any]:
    connected, current = counts.get(prompt, (0, 0))
    return {"prompt": prompt, "release": release, "connected": connected, "current": current}
