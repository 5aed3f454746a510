"""Decide whether a command has anything to do, for ``--if-needed``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.rollouts.schedule import parse_hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptstage.model import Json
    from registry.wording.preview import Order


def is_so_already(order: Order, state: Json) -> bool:
    """Whether a state is what a command is to bring about, so that it would change nothing, or be refused.

    A start or promote that awaits approval as it is asked for is as far as it can come by this command.
    """
    rollout = state["rollout"]
    if order.op in {"start", "promote"}:
        under_way = order.op == "start" and rollout and _is_the_same(order, rollout["candidate"], rollout)
        return bool(under_way) or _is_stable(state, order.body["version"]) or is_asked(order, state)
    nothing_awaits = state.get("awaiting_approval") is None
    so_already: dict[str, bool] = {
        "rollback": rollout is None and state["previous"] is None,
        "advance": rollout is None and state["stable"] is not None,
        "pause": rollout is not None and rollout["state"] == "paused",
        "resume": rollout is not None and rollout["state"] == "running",
        "approve": nothing_awaits,
        "reject": nothing_awaits,
    }
    return so_already[order.op]


def is_asked(order: Order, state: Json) -> bool:
    """Whether the very same start or promote waits for approval."""
    asked = state.get("awaiting_approval")
    if asked is None or asked["op"] != order.op:
        return False
    if order.op == "promote":
        return order.body["version"] in {None, asked["version"]["version"]}
    return _is_the_same(order, asked["version"], asked)


def _is_stable(state: Json, version: str | None) -> bool:
    """Tell whether everyone gets a version, and no other is on its way."""
    stable = state["stable"]
    return state["rollout"] is None and stable is not None and stable["version"] == version


def _is_the_same(order: Order, candidate: Json, found: Json) -> bool:
    """Tell whether a rollout has the version, plan, audience and guard of a start."""
    return (
        candidate["version"] == order.body["version"]
        and _plan(found["steps"]) == _plan(order.body["steps"])
        and _audience(found["audience"]) == _audience(order.body["audience"])
        and _has_guard(found.get("guard"), order.body.get("guard"))
    )


def _has_guard(found: Json | None, asked: Json | bool | None) -> bool:
    """Tell whether a guard is what was asked for, as far as that says anything."""
    if asked is None or isinstance(asked, bool):
        return asked is None or asked == bool(found)
    return found is not None and all(found.get(name) == value for name, value in asked.items())


def _plan(steps: Sequence[Json]) -> list[tuple[float, object]]:
    """Steps so that two that mean the same are equal: an hour is sixty minutes."""
    return [(float(step["percent"]), _hold(step.get("hold"))) for step in steps]


def _hold(hold: str | None) -> object:
    try:
        return hold and parse_hold(hold)
    except ValueError:  # typed wrongly; the registry says how
        return hold


def _audience(targets: Sequence[Json]) -> set[frozenset[tuple[str, frozenset[str]]]]:
    """Targets so that order and repetition make no difference: they make none to who is meant."""
    return {
        frozenset((condition["attribute"], frozenset(condition["in"])) for condition in target["when"])
        for target in targets
    }
