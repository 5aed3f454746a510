"""The two-person rule, pure: a start or promote is requested, then approved by another token, or rejected.

Other changes go on while a request waits. It refers to what was in force when it was made, so any change of
that drops it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from registry.rollouts import transitions
from registry.rollouts.schedule import EVERYONE
from registry.rollouts.state import ApprovalRequest, State
from registry.rollouts.transitions import Advance, Conflict, Promote, Start
from registry.system.text import skeleton

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from registry.rollouts.guard import Constant, Guard
    from registry.rollouts.state import VersionRef


@dataclass(frozen=True, slots=True)
class Actor:
    """The id and name of the acting token."""

    token: str
    name: str


@dataclass(frozen=True, slots=True)
class RequestApproval:
    """Request a start or promote; `id` is the request's, and `override` what it goes past, and why."""

    command: Start | Promote
    actor: Actor
    id: str
    force: bool = False
    reason: str = ""
    override: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve another token's request; the rest is for a rollout that it starts.

    Attributes:
        id, salt: the rollout's.
        constants: what is known by now for its guard.
    """

    actor: Actor
    id: str
    salt: str
    constants: Mapping[str, Constant] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """End a request: reject another token's, or withdraw one's own."""


@dataclass(frozen=True, slots=True)
class AdvanceWithinPlan:
    """Advance within the approved plan; beyond its last step a promote is needed."""


Command = transitions.Command | RequestApproval | Approve | Reject | AdvanceWithinPlan

NOTHING_TO_APPROVE = Conflict("nothing_to_approve", "nothing awaits approval here")
OWN_REQUEST = Conflict(
    "own_request",
    "you asked for this yourself, so another token must approve it; to take it back, reject it",
)
PLAN_ENDS = Conflict(
    "plan_ends",
    "what was approved ends with this step; to go on to everyone, promote it, which awaits approval",
)


def apply(state: State, command: Command, now: datetime) -> State | Conflict:
    """Apply a command to a state: one of `transitions`, or one about a request.

    Args:
        state: the present state, possibly empty.
        command: the change.
        now: the time of the change, with a zone.
    """
    after = _apply(state, command, now)
    if isinstance(after, Conflict) or _in_force(after) == _in_force(state):
        return after
    return after.model_copy(update={"awaiting_approval": None})


def _apply(state: State, command: Command, now: datetime) -> State | Conflict:
    request = state.awaiting_approval
    if request is not None and isinstance(command, Start | Promote | RequestApproval):
        return _waits(request)
    match command:
        case RequestApproval():
            return _ask(state, command, now)
        case Approve():
            return _approve(state, request, command, now) if request else NOTHING_TO_APPROVE
        case Reject():
            return state.model_copy(update={"awaiting_approval": None}) if request else NOTHING_TO_APPROVE
        case AdvanceWithinPlan():
            after = transitions.apply(state, Advance(), now)
            return PLAN_ENDS if isinstance(after, State) and _is_beyond_plan(state, after) else after
        case _:
            return transitions.apply(state, command, now)


def _is_beyond_plan(state: State, after: State) -> bool:
    """Return whether an advance completed a rollout whose plan does not end at everyone."""
    rollout = state.rollout
    return rollout is not None and after.rollout is None and rollout.steps[-1].percent < EVERYONE


def _in_force(state: State) -> tuple[VersionRef | None, str | None]:
    return (state.stable, state.rollout_id)


def _waits(request: ApprovalRequest) -> Conflict:
    asked = f"{request.asked_by} asked to {request.op} {request.version.version}"
    when = f"{request.asked_at:%Y-%m-%dT%H:%M:%SZ}"
    return Conflict(
        "awaiting_approval", f"{asked} at {when}, which awaits approval; approve or reject it first"
    )


def _ask(state: State, ask: RequestApproval, now: datetime) -> State | Conflict:
    """Record a request for a change that is allowed now."""
    op: Literal["start", "promote"]
    guard: Guard | None = None
    match ask.command:
        case Start(candidate, steps, audience):
            op, after = "start", transitions.apply(state, ask.command, now)
            version = after if isinstance(after, Conflict) else candidate
            guard = ask.command.guard
        case Promote():
            op, steps, audience = "promote", (), ()
            version = transitions.promoted(state, ask.command)
    if isinstance(version, Conflict):
        return version
    request = ApprovalRequest(
        id=ask.id,
        op=op,
        version=version,
        steps=steps,
        audience=audience,
        force=ask.force,
        reason=ask.reason,
        asked_by=ask.actor.name,
        token=ask.actor.token,
        asked_at=now,
        guard=guard,
        override=ask.override,
    )
    return state.model_copy(update={"awaiting_approval": request})


def _approve(state: State, request: ApprovalRequest, approve: Approve, now: datetime) -> State | Conflict:
    # A renewed token is another one, of the same name and so of the same person.
    if approve.actor.token == request.token or skeleton(approve.actor.name) == skeleton(request.asked_by):
        return OWN_REQUEST
    if request.op == "promote":
        return transitions.apply(state, Promote(request.version), now)
    guard = request.guard and request.guard.knowing(approve.constants)
    start = Start(request.version, request.steps, request.audience, approve.id, approve.salt, guard)
    return transitions.apply(state, start, now)


def entering(before: State, after: State, op: str) -> VersionRef | None:
    """Return the version that a change lets in, or asks to let in; None: it lets none in.

    What was in force or on its way before the change does not enter by it; nor does what a rollback, which
    is never held up, puts back.
    """
    if op == "rollback":
        return None
    asked = after.awaiting_approval if after.awaiting_approval != before.awaiting_approval else None
    found = (after.stable, after.rollout and after.rollout.candidate, asked and asked.version)
    there = {ref.version for ref in (before.stable, before.rollout and before.rollout.candidate) if ref}
    return next((ref for ref in found if ref and ref.version not in there), None)


def ends(before: State, after: State) -> tuple[str | float | None, str | float | None]:
    """Return what a change went from and to, as `transitions.ends` does.

    For a request it is what it would change; for a rejected one, the reverse.
    """
    asked, waits = before.awaiting_approval, after.awaiting_approval
    if _in_force(before) == _in_force(after):
        if waits and not asked:
            return before.stable_version, waits.version.version
        if asked and not waits:
            return asked.version.version, before.stable_version
    return transitions.ends(before, after)
