"""How states and times are put into words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.cli.release import status
from registry.wording import describe, times

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rollout(**changes: Any) -> dict[str, Any]:
    """A rollout at its first of two steps."""
    steps = [{"percent": 5, "hold": "1h"}, {"percent": 100}]
    return {"state": "running", "steps": steps, "step": 0, "advances_at": None} | changes


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1s"),
        (59.6, "1m"),
        (61, "1m 1s"),
        (3600, "1h"),
        (3605, "1h"),
        (90000, "1d 1h"),
        (86400 * 9, "9d"),
    ],
)
def test_a_time(seconds: float, words: str) -> None:
    """Two units say enough; a unit that is zero says nothing."""
    assert times.duration(seconds) == words


@pytest.mark.parametrize(
    ("percent", "bar"),
    [(0, "░░░░░░░░░░ 0%"), (0.001, "█░░░░░░░░░ 0.001%"), (50, "█████░░░░░ 50%"), (100, "██████████ 100%")],
)
def test_a_bar(percent: float, bar: str) -> None:
    """The smallest share can be seen."""
    assert describe.bar(percent) == bar


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "waits for you"),
        ({"advances_at": (NOW + timedelta(hours=3, minutes=5)).isoformat()}, "advances in 3h 5m"),
        ({"advances_at": (NOW - timedelta(seconds=1)).isoformat()}, "advances now"),
        ({"state": "paused"}, "paused"),
        ({"state": "paused", "remaining": 90.0}, "paused, 1m 30s left"),
    ],
)
def test_what_comes_next(changes: dict[str, Any], words: str) -> None:
    """A release manager knows whether to wait, or to act."""
    assert describe.following(rollout(**changes), NOW) == words


def test_a_page_that_is_higher_than_the_terminal() -> None:
    """What moves comes first, and what is left out is counted."""
    ref = {"version": "1.0.0"}
    still = [{"prompt": f"still-{i}", "stable": ref, "rollout": None} for i in range(3)]
    moving = {"prompt": "z-moving", "stable": ref, "rollout": rollout(candidate=ref)}
    grid, note = status._drawn({"data": [*still, moving], "clients": None}, "production", None, most=2)

    assert [str(grid).count(name) for name in ("still", "z-moving")] == [1, 1]
    assert str(note).startswith("… and 2 more")
