"""The time, and which rollouts are due to go on by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.rollouts.state import State


def is_due(state: State, now: datetime) -> bool:
    """Whether the present step of a running rollout has been held long enough."""
    rollout = state.rollout
    return rollout is not None and rollout.advances_at is not None and rollout.advances_at <= now


def now() -> datetime:
    """The present, with a zone."""
    return datetime.now(UTC)
