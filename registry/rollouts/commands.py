"""Turn an action into a command of the tables, with its random ids and salts."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from registry.errors import Invalid
from registry.rollouts.approval import Actor, AdvanceWithinPlan, Approve, Reject, RequestApproval
from registry.rollouts.state import check_steps
from registry.rollouts.transitions import Advance, Pause, Promote, Resume, Rollback, Start

if TYPE_CHECKING:
    from registry.rollouts.action import Action
    from registry.rollouts.approval import Command
    from registry.rollouts.state import VersionRef

PLAIN: dict[str, Command] = {  # those without arguments
    "advance": Advance(),
    "pause": Pause(),
    "resume": Resume(),
    "rollback": Rollback(),
    "reject": Reject(),
}


def of(action: Action, version: VersionRef | None, *, approval: bool) -> Command:
    """Return the command of an action.

    Args:
        action: the requested change.
        version: its version, if it has one.
        approval: whether a start or promote needs a second person here, so that it becomes a request, and an
            advance stays within the approved plan.

    Raises:
        Invalid: its steps are bad (see `check_steps`), or the action needs a version.
    """
    actor = Actor(action.token, action.actor)
    if action.op == "approve":
        return Approve(actor, *_new_rollout())
    if approval and action.op == "advance":
        return AdvanceWithinPlan()
    if action.op in PLAIN:
        return PLAIN[action.op]
    command: Start | Promote
    if action.op == "promote":
        command = Promote(version)
    elif action.op == "start" and version is not None:
        command = Start(version, check_steps(action.steps), action.audience, *_new_rollout())
    else:
        raise Invalid(f"{action.op} cannot be done without a version", code="unknown_action")
    if not approval:
        return command
    return RequestApproval(command, actor, f"a-{secrets.token_hex(6)}", action.force, action.reason)


def _new_rollout() -> tuple[str, str]:
    """Return the id and salt of a new rollout."""
    return f"r-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
