"""Turn an action into a command of the tables, with its random ids and salts."""

from __future__ import annotations

import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING

from registry.errors import Invalid
from registry.rollouts.approval import Actor, AdvanceWithinPlan, Approve, Reject, RequestApproval
from registry.rollouts.state import check_steps
from registry.rollouts.transitions import Advance, Calibrate, Pause, Promote, Resume, Rollback, Start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.rollouts.action import Action
    from registry.rollouts.approval import Command
    from registry.rollouts.guard import Constant, Guard
    from registry.rollouts.state import VersionRef

NO_CONSTANTS: Mapping[str, Constant] = MappingProxyType({})
PLAIN: dict[str, Command] = {  # those without arguments
    "advance": Advance(),
    "pause": Pause(),
    "resume": Resume(),
    "rollback": Rollback(),
    "reject": Reject(),
}


def of(
    action: Action,
    version: VersionRef | None,
    *,
    approval: bool,
    guard: Guard | None = None,
    constants: Mapping[str, Constant] = NO_CONSTANTS,
) -> Command:
    """Return the command of an action.

    Args:
        action: the requested change.
        version: its version, if it has one.
        approval: whether a start or promote needs a second person here, so that it becomes a request, and an
            advance stays within the approved plan.
        guard: of a start.
        constants: what a guard that starts, or is approved, may know.

    Raises:
        Invalid: its steps are bad (see `check_steps`), or the action needs a version.
    """
    actor = Actor(action.token, action.actor)
    if action.op == "approve":
        return Approve(actor, *_new_rollout(), constants)
    if approval and action.op == "advance":
        return AdvanceWithinPlan()
    if plain := _plain(action):
        return plain
    command: Start | Promote
    if action.op == "promote":
        command = Promote(version)
    elif action.op == "start" and version is not None:
        knowing = guard and guard.knowing(constants)
        command = Start(version, check_steps(action.steps), action.audience, *_new_rollout(), knowing)
    else:
        raise Invalid(f"{action.op} cannot be done without a version", code="unknown_action")
    if not approval:
        return command
    identifier = f"a-{secrets.token_hex(6)}"
    return RequestApproval(command, actor, identifier, action.force, action.reason, action.override)


def _plain(action: Action) -> Command | None:
    """Return the command of an action without a version."""
    if action.op == "pause" and action.harm:
        return Pause(action.harm)
    if action.op == "calibrate" and action.constant is not None:
        return Calibrate(*action.constant)
    return PLAIN.get(action.op)


def _new_rollout() -> tuple[str, str]:
    """Return the id and salt of a new rollout."""
    return f"r-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
