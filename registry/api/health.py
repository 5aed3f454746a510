"""Whether the process lives, and whether it can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response

from registry.api.parts import Service  # noqa: TC001 - FastAPI reads the annotations

if TYPE_CHECKING:
    from registry.errors import Unavailable

router = APIRouter(tags=["operations"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Answer if the process is alive; restart it if not."""
    return {"status": "alive"}


@router.get("/readyz")
def readyz(service: Service, response: Response) -> dict[str, Any]:
    """Answer 200 when releases can be served.

    A journal that cannot be written, a Redis that is down or a repository that cannot be reached is told,
    but is no reason to send readers away.
    """
    rollouts = service.rollouts
    ready = service.sync.first_look.is_set() and (rollouts.problem is None or bool(rollouts.view.states()))
    if not ready:
        response.status_code = 503
    return {
        "status": "ready" if ready else "starting" if rollouts.problem is None else "broken",
        "journal": _told(rollouts.problem),
        "redis": _told(rollouts.board_problem),
        "repository": service.catalog.status()["error"] or "ok",
    }


def _told(problem: Unavailable | None) -> str:
    return "ok" if problem is None else problem.message
