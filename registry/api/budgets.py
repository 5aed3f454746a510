"""Budgets and alerts of the operator's file: what is spent, and what is above its limit."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter

from registry.api.docs import outcome_shapes
from registry.api.docs.shapes import answer
from registry.api.http import problem
from registry.api.http.dependencies import Environment, Reader, Service
from registry.api.http.routes import BoundedRoute
from registry.notify.spending_watch import shown
from registry.system import timestamps

router = APIRouter(
    route_class=BoundedRoute,
    prefix="/v1/environments/{environment}",
    tags=["outcomes"],
    responses=problem.responses(401, 403, 404, 503),
)


@router.get("/budgets", summary="Show budgets", responses=answer(outcome_shapes.Budgets, "in their periods"))
async def list_budgets(service: Service, _: Reader, environment: Environment) -> dict[str, Any]:
    """Show what is spent of the budgets that the operator's file has for an environment.

    A period is one of UTC, and calls count in the one in which they arrived. `share` is of one, `reached` the
    highest of the shares in `at` that was. `unpriced` of the `calls` have no known cost, and add nothing.
    """
    service.rollouts.check_environment(environment)
    standings = await to_thread.run_sync(lambda: service.spending.standings(timestamps.now(), environment))
    return {"data": [standing.to_json() for standing in standings]}


@router.get("/alerts", summary="Show alerts", responses=answer(outcome_shapes.Alerts, "as they stand"))
async def list_alerts(service: Service, _: Reader, environment: Environment) -> dict[str, Any]:
    """Show what the alerts of the operator's file see in an environment now.

    `state` is `high` above the `limit`, else `ok`, and `few` while there are fewer calls than `minimum`, or
    too few to compare with. `firing_since` is null if nobody was told, or it is over.
    """
    service.rollouts.check_environment(environment)
    findings = await to_thread.run_sync(
        lambda: service.spending.firing(service.outcomes.database, timestamps.now(), environment)
    )
    return {"data": [shown(alert, finding, firing) for alert, finding, firing in findings]}
