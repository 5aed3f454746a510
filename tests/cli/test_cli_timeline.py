"""The steps of a rollout in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from registry.cli.release import timeline

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEPS: list[dict[str, Any]] = [
    {"percent": 1, "hold": "1h"},
    {"percent": 5, "hold": "2d"},
    {"percent": 50},
    {"percent": 100},
]


def rollout(**changes: Any) -> dict[str, Any]:
    """A rollout at its second step."""
    began = (NOW - timedelta(hours=1)).isoformat()
    return {"state": "running", "steps": STEPS, "step": 1, "entered_at": began, "advances_at": None} | changes


def change(op: str, hours: int, reason: str = "") -> dict[str, Any]:
    """A change that Ada made some hours ago."""
    return {"op": op, "at": (NOW - timedelta(hours=hours)).isoformat(), "actor": "ada", "reason": reason}


def test_a_plan_that_begins_now() -> None:
    """Each step follows the hold of the one before; after one without, a person decides."""
    assert list(timeline.of_plan(STEPS, NOW)) == [
        (1, "at once"),
        (5, "2026-01-01T01:00:00Z"),
        (50, "2026-01-03T01:00:00Z"),
        (100, "when you advance it"),
    ]


def test_a_rollout_under_way() -> None:
    """What was comes from the history, as far as it is this rollout's; what will be from the plan."""
    history = [change("advance", 1), change("pause", 2), change("start", 3, "try it"), change("advance", 9)]
    advances_at = (NOW + timedelta(hours=1)).isoformat()

    rows = timeline.of_rollout(rollout(advances_at=advances_at), history)

    assert [row[2] for row in rows] == [
        "2025-12-31T21:00:00Z by ada: try it",
        "now, since 2025-12-31T23:00:00Z by ada",
        "2026-01-01T01:00:00Z",
        "when you advance it",
    ]


def test_a_rollout_that_was_approved() -> None:
    """It began with the approval; what was asked for before, or meanwhile, is no step."""
    history = [
        *(change("ask.promote", 1), change("reject", 1), change("advance", 2)),
        *(change("approve", 3, "read it"), change("ask.start", 4), change("approve", 8)),
    ]

    assert [row[2] for row in timeline.of_rollout(rollout(), history)][:2] == [
        "2025-12-31T21:00:00Z by ada: read it",
        "now, since 2025-12-31T22:00:00Z by ada",
    ]


def test_a_paused_rollout() -> None:
    """Nothing comes by itself."""
    rows = timeline.of_rollout(rollout(state="paused"), [change("advance", 1), change("start", 2)])

    assert [row[2] for row in rows[2:]] == ["after it is resumed"] * 2


def test_a_history_that_was_cut_off() -> None:
    """What is not known is not made up."""
    assert [row[2] for row in timeline.of_rollout(rollout(), [])][:2] == [
        "?",
        "now, since 2025-12-31T23:00:00Z",
    ]
