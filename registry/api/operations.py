"""The state of a running registry, beside what the doctor finds: journal, mirror, notifications."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import APIRouter

from registry.api.docs import shapes
from registry.api.http import problem
from registry.api.http.dependencies import Reader, Service, Services
from registry.api.http.routes import BoundedRoute
from registry.notify import queue
from registry.system import timestamps

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.journal.maintenance.mirror import Lag
    from registry.notify.queue import Standing
    from registry.policies.targets import Target

router = APIRouter(
    route_class=BoundedRoute, prefix="/v1", tags=["operations"], responses=problem.responses(401, 403)
)


@router.get(
    "/journal",
    summary="Read the state of the journal",
    responses=shapes.answer(shapes.JournalStatus, "its newest change, and its mirror"),
)
async def read_journal(service: Service, _: Reader) -> dict[str, Any]:
    """Read which change is the newest, whether more can be written, and how far the mirror is behind."""
    return await to_thread.run_sync(_journal, service)


def _journal(service: Services) -> Json:
    replica = service.rollouts.replica
    trouble, lag = replica.problem or replica.unwritten, service.mirroring.lag()
    epoch, seq = replica.read_model.head
    return {
        "epoch": epoch,
        "seq": seq,
        "newest_at": replica.newest_at and timestamps.rfc3339(replica.newest_at),
        "format": replica.format,
        "error": trouble and trouble.message,
        "mirror": lag and _mirror(lag),
    }


def _mirror(lag: Lag) -> Json:
    pushed = lag.status.pushed_at
    return {
        "url": lag.status.url,
        "pushed_at": pushed and timestamps.rfc3339(pushed),
        "behind": lag.changes,
        "behind_s": round(lag.seconds, 1),
        "failures": lag.status.failures,
        "error": lag.status.error,
    }


@router.get(
    "/notifications",
    summary="Show where notifications go",
    responses={
        **problem.responses(503),
        **shapes.answer(shapes.Notifications, "the targets of the operator's file"),
    },
)
async def list_notifications(service: Service, _: Reader) -> dict[str, Any]:
    """Show which events each target gets, what it took last, and what waits for it.

    Addresses are secret, and are not shown. A message that fails is tried for a day, and is lost then.
    """
    return {"data": await to_thread.run_sync(_targets, service)}


def _targets(service: Services) -> list[Json]:
    """Return the targets as they stand. Raises Unavailable."""
    if not service.targets:
        return []
    is_there = service.outcomes.is_there
    standings = service.outcomes.database().read(queue.standings) if is_there else {}
    return [_target(name, target, standings.get(name)) for name, target in service.targets.items()]


def _target(name: str, target: Target, found: Standing | None) -> Json:
    return {
        "name": name,
        "format": target.format,
        "signed": target.secret_file is not None,
        "events": list(target.events),
        "waiting": found.waiting if found else 0,
        "failing": found.failing if found else 0,
        "failing_since": found and _time(found.since),
        "error": found and found.error,
        "lost": found.lost if found else 0,
        "taken_at": found and _time(found.taken_at),
        "taken": found and found.taken,
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else timestamps.rfc3339(datetime.fromtimestamp(seconds, UTC))
