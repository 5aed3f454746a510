"""The overview of an environment: what is in force, what moves, what waits, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from registry.console import page
from registry.console.visit import ConsoleRoute, Visiting
from registry.wording import describe, evidence, paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi.responses import Response

    from promptstage.model import Json
    from registry.console.in_process import Api

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
SHOWN = 50  # prompts at once: more are found by the filter
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
        "moving": [(state, _verdict(api, state)) for state in moving],
        "asked": [state for state in states if state.get("awaiting_approval")],
        "in_force": in_force[:SHOWN],
        "more": max(0, len(in_force) - SHOWN),
        "wanted": wanted,
        "clients": _clients(api, environment, [state["prompt"] for state in in_force[:SHOWN]]),
        "changes": api.get(paths.history_path(environment, None), "data", limit=CHANGES)["data"],
        "budgets": budgets(api, environment),
        "alerts": [found for found in alerts(api, environment) if is_raised(found)],
        "health": health(api),
    }


def _verdict(api: Api, state: Json) -> str:
    path = paths.evidence_path(state["environment"], state["prompt"])
    return verdict(state, api.maybe(path, "verdict"))


def verdict(state: Json, found: Json | None) -> str:
    """Return what is known of a rollout, in a cell; `found` is its evidence, None: it cannot be read."""
    return describe.evidence(state | {"evidence": evidence.judged(state, found)})


def budgets(api: Api, environment: str) -> list[Json]:
    """Return the budgets of an environment; none where they cannot be read."""
    found = api.maybe(paths.budgets_path(environment), "data")
    return found["data"] if found else []


def alerts(api: Api, environment: str) -> list[Json]:
    """Return the alerts of an environment; none where they cannot be read."""
    found = api.maybe(paths.alerts_path(environment), "data")
    return found["data"] if found else []


def is_raised(alert: Json) -> bool:
    """Return whether people should look: it is above its limit, or they were told that it was."""
    return alert["state"] == "high" or alert["firing_since"] is not None


def health(api: Api) -> Json:
    """Return the doctor's worst word, and how many checks say so."""
    found = api.maybe(paths.DOCTOR, "checks")
    if found is None:
        return {"status": "unknown", "bad": []}
    bad = [check for check in found["checks"] if check["status"] != "ok"]
    return {"status": bad[0]["status"] if bad else "ok", "bad": bad}


def _clients(api: Api, environment: str, names: Sequence[str]) -> Json:
    found = names and api.maybe(paths.clients_path(environment), "data", names=",".join(names))
    return {row["prompt"]: row for row in found["data"]} if found else {}
