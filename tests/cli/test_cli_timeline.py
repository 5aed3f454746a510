"""The steps of a rollout in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.cli.release import arguments
from registry.rollouts import schedule, transitions
from registry.rollouts.state import State, Step, VersionRef
from registry.wording import timeline

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEPS: list[dict[str, Any]] = [
    {"percent": 1, "hold": "1h"},
    {"percent": 5, "hold": "2d"},
    {"percent": 50},
    {"percent": 100},
]


BY_HAND = "when you advance it"
AFTER = "after it reaches 50%"


def started(steps: tuple[Step, ...]) -> State:
    """A rollout by these steps that begins now."""
    old, new = (VersionRef(version=version, digest="", commit="") for version in ("1.0.0", "1.1.0"))
    state = State(environment="production", prompt="summarize", stable=old)
    begun = transitions.apply(state, transitions.Start(new, steps, (), "r-1", "salt"), NOW)
    assert isinstance(begun, State)
    return begun


def rollout(**changes: Any) -> dict[str, Any]:
    """A rollout at its second step."""
    began = (NOW - timedelta(hours=1)).isoformat()
    return {"state": "running", "steps": STEPS, "step": 1, "entered_at": began, "advances_at": None} | changes


def change(op: str, hours: int, reason: str = "") -> dict[str, Any]:
    """A change that Ada made some hours ago."""
    return {"op": op, "at": (NOW - timedelta(hours=hours)).isoformat(), "actor": "ada", "reason": reason}


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("1:1h,5:2d,50,100", ["2026-01-01T01:00:00Z", "2026-01-03T01:00:00Z", BY_HAND]),
        ("0,10:4s,100", [BY_HAND, "by itself, 4s after it reaches 10%"]),
        ("5,10:1h,50:90m,100", [BY_HAND, "by itself, 1h after it reaches 10%", f"by itself, 1h 30m {AFTER}"]),
        ("50:1m,100", ["2026-01-01T00:01:00Z"]),
        ("5:1m,50", ["2026-01-01T00:01:00Z", "when you promote it; by itself it stays at 50%"]),
        ("100", ["when you promote it; by itself it stays at 100%"]),
    ],
)
def test_a_plan_that_begins_now(plan: str, told: list[str]) -> None:
    """A step with a hold is followed by the next one by itself, whoever brought it there."""
    first, *others = timeline.of_plan(arguments.steps(plan), NOW)

    assert first[1] == "at once"
    assert [text for _, text in others] == told


@pytest.mark.parametrize("plan", ["0,10:4s,100", "1:1h,5:2d,50,100", "5:1m,50", "100", "0:9s,1,2:8m,3"])
def test_what_is_foretold_is_what_happens(plan: str) -> None:
    """The table of transitions, given a person who acts only where one is waited for, does the same."""
    steps = tuple(Step(**step) for step in arguments.steps(plan))
    told = list(schedule.forecast(steps, 0, schedule.held(steps[0]), None))
    state, happened = started(steps), []
    while (rollout := state.rollout) and rollout.step + 1 < len(steps):
        timed = rollout.advances_at
        after = transitions.apply(state, transitions.Advance(), timed or NOW)
        assert isinstance(after, State)
        state = after
        happened.append((steps[rollout.step + 1].percent, state.rollout is None, timed and timed - NOW))

    assert [(arrival.percent, arrival.completes, arrival.after is None) for arrival in told] == [
        (percent, completes, timed is None) for percent, completes, timed in happened
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
    """What was left of its time counts from when it is resumed."""
    history = [change("advance", 1), change("start", 2)]
    timed = timeline.of_rollout(rollout(state="paused", remaining=5400.0), history)
    waiting = timeline.of_rollout(rollout(state="paused"), history)

    assert [row[2] for row in timed[2:]] == ["by itself, 1h 30m after it is resumed", BY_HAND]
    assert [row[2] for row in waiting[2:]] == ["when you resume and advance it", BY_HAND]


def test_a_history_that_was_cut_off() -> None:
    """What is not known is not made up."""
    assert [row[2] for row in timeline.of_rollout(rollout(), [])][:2] == [
        "?",
        "now, since 2025-12-31T23:00:00Z",
    ]
