"""The changes of a prompt or an environment, newest first."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from registry.api.docs import shapes
from registry.api.http import problem
from registry.api.http.dependencies import Environment, Moment, Name, Reader, Service, Services
from registry.api.http.routes import BoundedRoute
from registry.journal import history_index

router = APIRouter(
    route_class=BoundedRoute,
    prefix="/v1/environments/{environment}",
    tags=["rollouts"],
    responses=problem.responses(401, 403, 404, 422, 503),
)

PAGE = 50
MAX_PAGE = 500
MAX_SEQ = 2**63 - 1
MAX_TEXT = 200  # characters of an actor's or a prompt's name


def _wanted(
    environment: Environment,
    actor: Annotated[
        str | None, Query(max_length=MAX_TEXT, description="only changes by this token's name, or `schedule`")
    ] = None,
    since: Annotated[Moment | None, Query(description="a time, RFC 3339 with a zone")] = None,
    until: Annotated[Moment | None, Query(description="a time, RFC 3339 with a zone")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="of one page")] = PAGE,
    cursor: Annotated[
        int | None, Query(ge=1, le=MAX_SEQ, description="`next_cursor` of the page before")
    ] = None,
) -> history_index.Query:
    return history_index.Query(
        environment=environment, actor=actor, since=since, until=until, before=cursor, limit=limit
    )


Wanted = Annotated[history_index.Query, Depends(_wanted)]


@router.get(
    "/history",
    summary="List the changes of an environment",
    responses=shapes.answer(shapes.History, "a page of changes"),
)
async def read_changes(
    service: Service,
    _: Reader,
    wanted: Wanted,
    prompt: Annotated[str | None, Query(max_length=MAX_TEXT, description="of this prompt alone")] = None,
) -> JSONResponse:
    """List the changes of an environment, newest first, with their actors."""
    return await _page(service, replace(wanted, prompt=prompt))


@router.get(
    "/rollouts/{name:path}/history",
    summary="List the changes of a prompt",
    responses={
        **problem.responses(404, codes={404: ("unknown_prompt", "unknown_environment")}),
        **shapes.answer(shapes.History, "a page of changes"),
    },
)
async def read_history(service: Service, _: Reader, wanted: Wanted, name: Name) -> JSONResponse:
    """List the changes of a prompt, newest first."""
    await to_thread.run_sync(service.rollouts.newest_state, wanted.environment, name)
    return await _page(service, replace(wanted, prompt=name))


async def _page(service: Services, wanted: history_index.Query) -> JSONResponse:
    service.rollouts.check_environment(wanted.environment)

    def read() -> JSONResponse:  # encoded in the thread, too: each change may have a long audience
        changes, following = service.history.page(wanted)
        cursor = None if following is None else str(following)
        return JSONResponse({"data": changes, "next_cursor": cursor})

    return await to_thread.run_sync(read)
