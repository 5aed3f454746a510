"""Rollouts: the state in force, its history, and the actions that change it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Response

from registry.api.docs import shapes
from registry.api.http import problem, refresh
from registry.api.http.dependencies import (
    Environment,
    IdempotencyKey,
    Moment,
    Name,
    Reader,
    Releaser,
    Service,
    Services,
)
from registry.api.http.routes import ChangingRoute
from registry.api.rollout_bodies import Plain, Promote, Start
from registry.errors import Invalid, NotFound
from registry.rollouts.action import Action
from registry.rollouts.state import PLANS, State

if TYPE_CHECKING:
    from registry.control.retry import Acknowledged

router = APIRouter(
    route_class=ChangingRoute,
    prefix="/v1/environments/{environment}/rollouts",
    tags=["rollouts"],
    responses=problem.responses(401, 403, 404, 422, 503),
)
CONFLICTS = {
    "start": (
        "no_stable", "already_stable", "rollout_active", "needs_variables", "clients_too_old", "older_format",
        "awaiting_approval", "guard_required", "suite_required", "suite_failed",
    ),
    "promote": (
        "already_stable", "rollout_active", "needs_variables", "clients_too_old", "older_format",
        "awaiting_approval", "suite_required", "suite_failed",
    ),
    "advance": ("no_stable", "no_rollout", "paused", "plan_ends"),
    "pause": ("no_stable", "no_rollout", "paused"),
    "resume": ("no_stable", "no_rollout", "not_paused"),
    "rollback": ("no_stable", "nothing_to_roll_back"),
    "approve": ("nothing_to_approve", "suite_required", "suite_failed"),
    "reject": ("nothing_to_approve",),
}  # fmt: skip
MISSING = ("unknown_prompt", "unknown_environment")
BAD = ("invalid_request", "idempotency_mismatch")
OF_A_VERSION = {  # further answers of an action with a version
    "start": {404: ("unknown_version",), 422: ("invalid", "invalid_version")},
    "promote": {404: ("unknown_version",), 422: ("version_needed", "invalid_version")},
}


def _changing(op: str) -> dict[int | str, dict[str, Any]]:
    """Document an action."""
    more = OF_A_VERSION.get(op, {404: (), 422: ()})
    codes = {404: MISSING + more[404], 409: (*CONFLICTS[op], "changed"), 422: BAD + more[422]}
    documented = problem.responses(404, 409, 412, 413, 422, codes=codes)
    documented |= shapes.answer(shapes.Acknowledgement, "it is done, and durable")
    if op in OF_A_VERSION:
        documented |= shapes.answer(
            shapes.Requested,
            "recorded, and waits for approval with another token",
            HTTPStatus.ACCEPTED,
        )
    if op == "approve":
        documented |= problem.responses(403, codes={403: ("forbidden", "own_request")})
    return documented


IfMatch = Annotated[str | None, Header(description='`"<epoch>.<seq>"`, the ETag of the state')]


@router.get(
    "",
    summary="List what is in force",
    responses=shapes.answer(shapes.States, "every prompt that has a state"),
)
def list_states(service: Service, _: Reader, environment: Environment) -> Response:
    """List what is in force in an environment."""
    written = [state.model_dump_json().encode() for state in service.rollouts.states(environment)]
    return Response(b'{"data":[%s]}' % b",".join(written), media_type="application/json")


@router.get(
    "/{name:path}",
    summary="Read what is in force",
    responses={
        **problem.responses(404, codes={404: (*MISSING, "no_release")}),
        **shapes.answer(State, "the state; ETag is what If-Match takes"),
    },
)
async def read_state(
    service: Service,
    token: Reader,
    environment: Environment,
    name: Name,
    at: Annotated[Moment | None, Query(description="an earlier time, RFC 3339 with a zone")] = None,
) -> Response:
    """Read the state of a prompt, now or at a time; ETag is the value for If-Match."""
    if at is not None:
        await to_thread.run_sync(service.rollouts.newest_state, environment, name)
        then = await to_thread.run_sync(service.history.state_at, environment, name, at)
        return Response(then.model_dump_json(), media_type="application/json")
    state = await refresh.find(service, token, lambda: service.rollouts.newest_state(environment, name))
    headers = {"ETag": f'"{state.tag}"'}
    return Response(state.model_dump_json(), media_type="application/json", headers=headers)


async def _asked(
    environment: Environment,
    name: Name,
    token: Releaser,
    idempotency_key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Collect an action's values from its path and headers."""
    return {
        "environment": environment,
        "prompt": name,
        "actor": token.name,
        "token": token.id,
        "idempotency_key": idempotency_key,
        "if_match": None if if_match in {None, "*"} else str(if_match).strip().strip('"'),
    }


Asked = Annotated[dict[str, Any], Depends(_asked)]


@router.post("/{name:path}/actions/start", summary="Start a rollout", responses=_changing("start"))
async def start(service: Service, asked: Asked, body: Start, response: Response) -> dict[str, Any]:
    """Start a rollout of a version beside the stable one, or request it (202) where approval is required.

    A step with `hold` advances by itself after that time, also one that a person advanced to, and into 100
    percent, which completes the rollout. A step without one waits for a person. The clock never leaves the
    last step: a plan that does not end with 100 stays there until a promote or an advance.

    With a `guard` the calls of users on both arms are compared. A timed step then advances by itself only if
    nothing speaks against it, and harm rolls the candidate back, pauses it, or is only said. What the body
    leaves out is as the operator has it for the environment (`GET .../guard`); where a guard is required, the
    body may add metrics, and no more (409 `guard_required`). The state has what is used.

    Where a suite is required, the version needs an attestation that its suite passed, against the version in
    force (409 `suite_required`, `suite_failed`); `override` goes past that.

    Of the version `latest`, `passed_over` has the invalid versions that would be it if they could be served.
    """
    if body.plan and body.steps is not None:
        raise Invalid("steps: give a plan or steps, not both")
    steps = PLANS[body.plan or "standard"] if body.steps is None else body.steps
    details = {"version": body.version, "steps": steps, "audience": body.audience, "guard": body.guard}
    return await _act(service, asked, "start", body, response, **details)


@router.post("/{name:path}/actions/promote", summary="Promote a version", responses=_changing("promote"))
async def promote(
    service: Service, asked: Asked, response: Response, body: Promote | None = None
) -> dict[str, Any]:
    """Put a version in force for all, or complete the rollout; where approval is required, request it (202).

    Where a suite is required, another version than a rollout's candidate needs an attestation, as a start.

    Of the version `latest`, `passed_over` has the invalid versions that would be it if they could be served.
    """
    body = body or Promote()
    return await _act(service, asked, "promote", body, response, version=body.version)


@router.post(
    "/{name:path}/actions/advance", summary="Advance to the next step", responses=_changing("advance")
)
async def advance(service: Service, asked: Asked, body: Plain | None = None) -> dict[str, Any]:
    """Go to the next step now; into 100 percent, or past the last step, the rollout completes.

    Where a promote awaits approval, past the last step is one: 409 `plan_ends`.
    """
    return await _act(service, asked, "advance", body)


@router.post("/{name:path}/actions/pause", summary="Pause a rollout", responses=_changing("pause"))
async def pause(service: Service, asked: Asked, body: Plain | None = None) -> dict[str, Any]:
    """Stop the clock of a timed step; the share of users stays."""
    return await _act(service, asked, "pause", body)


@router.post("/{name:path}/actions/resume", summary="Resume a rollout", responses=_changing("resume"))
async def resume(service: Service, asked: Asked, body: Plain | None = None) -> dict[str, Any]:
    """Restart the clock of a paused step with the time that was left."""
    return await _act(service, asked, "resume", body)


@router.post("/{name:path}/actions/rollback", summary="Roll back", responses=_changing("rollback"))
async def rollback(service: Service, asked: Asked, body: Plain | None = None) -> dict[str, Any]:
    """Undo the latest forward step, once: end the rollout, or go back to the version before."""
    return await _act(service, asked, "rollback", body)


@router.post("/{name:path}/actions/approve", summary="Approve a request", responses=_changing("approve"))
async def approve(service: Service, asked: Asked, body: Plain | None = None) -> dict[str, Any]:
    """Approve the start or promote that awaits approval, if another token than yours requested it."""
    return await _act(service, asked, "approve", body)


@router.post("/{name:path}/actions/reject", summary="Reject a request", responses=_changing("reject"))
async def reject(service: Service, asked: Asked, body: Plain | None = None) -> dict[str, Any]:
    """Reject the start or promote that awaits approval, or withdraw your own; nothing else changes."""
    return await _act(service, asked, "reject", body)


@router.post("/{name:path}/actions/{op}", include_in_schema=False)
async def unknown_action(_: Releaser, op: str) -> None:
    """Answer with the list of actions."""
    raise NotFound(
        f"there is no action {op!r}; there are start, advance, pause, resume, promote, rollback, approve "
        "and reject",
        code="unknown_action",
    )


async def _act(
    service: Services,
    asked: dict[str, Any],
    op: str,
    body: Plain | None,
    response: Response | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Perform an action; `response` is given where it may become a request."""
    body = body or Plain()
    expect = body.expect.model_dump(exclude_unset=True)
    if isinstance(body, Start | Promote):
        override = body.override and body.override.model_dump()
        details |= {"force": body.force, "override": override}
    action = Action(**asked, op=op, reason=body.reason, expect=expect, **details)

    async def act() -> Acknowledged:
        return await to_thread.run_sync(service.rollouts.act, action, limiter=service.threads.changes)

    done = await refresh.retry(service, act)
    if response is not None and done.awaits_approval:
        response.status_code = HTTPStatus.ACCEPTED
    return done.to_json()
