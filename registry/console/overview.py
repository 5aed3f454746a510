"""The overview of an environment: what is in force, what moves, what waits, what changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from registry.console import page
from registry.console.visit import ConsoleRoute, Visiting
from registry.wording import describe, paths

if TYPE_CHECKING:
    from fastapi.responses import Response

    from promptstage.model import Json
    from registry.console.in_process import Api

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
SHOWN = 100  # prompts at once: more are found by the filter
CHANGES = 8


@router.get("/e/{environment}")
async def overview(visit: Visiting, environment: str, q: str = "") -> Response:
    """Show an environment."""
    return await visit.show(
        "overview.html", lambda: content(visit.api, environment, q.strip()), environment=environment
    )


def content(api: Api, environment: str, wanted: str) -> dict[str, Any]:
    """Return what the page shows; `wanted` is in the names of the prompts that are listed."""
    states = api.get(paths.rollout_path(environment), "data")["data"]
    moving = [state for state in states if state["rollout"]]
    in_force = [
        state for state in states if state["stable"] and wanted.casefold() in state["prompt"].casefold()
    ]
    return {
        "moving": [rollout_row(api, state) for state in moving],
        "asked": [state for state in states if state.get("awaiting_approval")],
        "in_force": in_force[:SHOWN],
        "more": max(0, len(in_force) - SHOWN),
        "wanted": wanted,
        "clients": _clients(api, environment),
        "changes": api.get(paths.history_path(environment, None), "data", limit=CHANGES)["data"],
        "budgets": (api.maybe(f"/v1/environments/{environment}/budgets", "data") or {"data": []})["data"],
        "health": health(api),
    }


def rollout_row(api: Api, state: Json) -> Json:
    """Return a rollout under way with its words and its verdict."""
    rollout = state["rollout"]
    found = api.maybe(paths.evidence_path(state["environment"], state["prompt"]), "verdict")
    return {
        "state": state,
        "percent": describe.percent(rollout),
        "position": describe.position(rollout),
        "following": describe.following(rollout, datetime.now(UTC)),
        "evidence": found,
        "verdict": describe.evidence(state | {"evidence": judged(state, found)}),
    }


def judged(state: Json, found: Json | None) -> Json | None:
    """Return the evidence of a guarded rollout in the form that `describe` puts into words."""
    guard = state["rollout"].get("guard")
    if not guard:
        return None
    if found is None:
        return {"verdict": "-", "waiting": {"for": "database"}}
    units = [sum(step[arm] for step in found["exposed"]) for arm in ("canary", "control")]
    return {**found, "units": min(units), "minimum": guard["minimum"]}


def health(api: Api) -> Json:
    """Return the doctor's worst word, and how many checks say so."""
    found = api.maybe("/v1/doctor", "checks")
    if found is None:
        return {"status": "unknown", "bad": []}
    bad = [check for check in found["checks"] if check["status"] != "ok"]
    return {"status": bad[0]["status"] if bad else "ok", "bad": bad}


def _clients(api: Api, environment: str) -> Json:
    found = api.maybe(paths.clients_path(environment), "data")
    return {row["prompt"]: row for row in found["data"]} if found else {}
