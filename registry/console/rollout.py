"""A rollout: its steps in time, and what the calls say of the candidate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from registry.console import page
from registry.console.overview import verdict
from registry.console.visit import ConsoleRoute, Visiting
from registry.evidence.measured import ARMS
from registry.wording import describe, evidence, paths, suites, timeline

if TYPE_CHECKING:
    from fastapi.responses import Response

    from promptstage.model import Json
    from registry.console.in_process import Api

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
CHANGES = 100  # of the history that a timeline is made of: twice the steps that a rollout may have
LEAST = 0.01  # of E in a plot: less says no more than that nothing speaks for harm


@router.get("/e/{environment}/rollouts/{name:path}")
async def rollout(visit: Visiting, environment: str, name: str, rollout: str = "") -> Response:
    """Show the rollout that is under way, or an earlier one."""
    return await visit.show(
        "rollout.html", lambda: content(visit.api, environment, name, rollout), environment=environment
    )


def content(api: Api, environment: str, name: str, wanted: str) -> dict[str, Any]:
    """Return what the page shows."""
    state = api.get(paths.rollout_path(environment, name), "stable")
    changes = list(api.pages(f"{paths.rollout_path(environment, name)}/history", CHANGES))
    asked = {"rollout": wanted} if wanted else {}
    found = api.maybe(paths.evidence_path(environment, name), "verdict", over_time="true", **asked)
    present = state["rollout"] if not wanted or (state["rollout"] or {}).get("id") == wanted else None
    return {
        "name": name,
        "state": state,
        "is_under_way": present is not None,
        "verdict": verdict(state, found) if present else "",
        "steps": timeline.of_rollout(present, changes) if present else [],
        "guard": describe.guarded(present) if present and present.get("guard") else "",
        "evidence": found,
        "metrics": [_metric(metric) for metric in found["metrics"]] if found else [],
        "plot": plot(found) if found else None,
        "suite": suite(api, name, _candidate(present, found)),
        "guard_changes": [change for change in changes if change["actor"] == "guard"],
    }


def _candidate(present: Json | None, found: Json | None) -> str | None:
    """Return the version that goes out, or went out in an earlier rollout."""
    if present:
        return str(present["candidate"]["version"])
    return str(found["candidate"]) if found else None


def suite(api: Api, name: str, version: str | None) -> tuple[str, str] | None:
    """Return a version, and what its newest attestation says; None: there is none."""
    attested = suites.attested(api, name, version) if version else None
    return (version, suites.result(attested)) if version and attested else None


def plot(found: Json) -> Json | None:
    """Return the evidence of harm over time beside its threshold, as a plot; None: there is none."""
    grown = found["over_time"]
    drawn = {name: values for name, values in grown["e"].items() if max(values) > 1} if grown else {}
    if not drawn:
        return None
    threshold = found["metrics"][0]["threshold"]
    lines = [
        {"name": name, "values": [max(value, LEAST) for value in values]} for name, values in drawn.items()
    ]
    lines.append({"name": "threshold", "values": [threshold] * len(grown["times"]), "dashed": True})
    times = [datetime.fromtimestamp(moment, UTC).isoformat() for moment in grown["times"]]
    return {"title": "Evidence of harm (E)", "times": times, "series": lines, "log": True}


def _metric(metric: Json) -> Json:
    """Return a metric with the totals of its arms, in numbers that a page shows."""
    mean = "difference" in metric
    arms = {arm: evidence.total(metric["steps"], arm) for arm in ARMS}
    estimate = metric["difference" if mean else "ratio"]
    return {
        "name": metric["name"],
        "arms": {arm: _arm(counts, mean=mean) for arm, counts in arms.items()},
        "estimate": _number(estimate, mean=mean),
        "interval": _interval(*metric["interval"], mean=mean),
        "e": metric["e"],
        "strength": evidence.strength(metric["e"], metric["threshold"]),
        "threshold": metric["threshold"],
    }


def _arm(counts: Json, *, mean: bool) -> str:
    if mean:
        return f"${counts['sum'] / counts['n'] / 1e6:.6f} of {counts['n']}" if counts["n"] else describe.NONE
    share = f" ({counts['bad'] / counts['units']:.1%})" if counts["units"] else ""
    return f"{counts['bad']} of {counts['units']}{share}"


def _interval(low: float | None, high: float | None, *, mean: bool) -> str:
    """Return an interval, which may be open to one side."""
    if low is None:
        return "" if high is None else f"at most {_number(high, mean=mean)}"
    least = _number(low, mean=mean)
    return f"at least {least}" if high is None else f"{least} to {_number(high, mean=mean)}"


def _number(value: float | None, *, mean: bool) -> str:
    if value is None:
        return describe.NONE
    return f"{value / 1e6:+.6f} $" if mean else f"{value:.2f} x"
