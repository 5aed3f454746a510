"""What people are told of a guarded rollout besides the guard's changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry.evidence.assessment import Step, assess, weigh
from registry.evidence.counting import EXPOSED
from registry.evidence.notices import notices
from registry.evidence.verdicts import Counts, StepCounts
from registry.evidence.watching import REPORTED
from registry.policies.events import EVENTS
from registry.rollouts.guard import Guard
from registry.rollouts.state import Rollout, State, VersionRef
from registry.rollouts.state import Step as Planned

if TYPE_CHECKING:
    from registry.notify.event import Event

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
V1, V2 = (VersionRef(version=f"1.{n}.0", digest=f"sha256:{n}", commit=str(n)) for n in range(2))


def told(bad: int, units: int, **guard: Any) -> list[Event]:
    """What is told at the end of the first step's hold, of so many users in each arm."""
    rollout = Rollout(
        id="r-1",
        salt="s",
        state="running",
        candidate=V2,
        steps=(Planned(percent=5, hold="10m"), Planned(percent=100)),
        step=0,
        entered_at=NOW - timedelta(minutes=11),
        guard=Guard(tolerance={"errors": 1.0}, **guard) if guard else None,
    )
    state = State(environment="production", prompt="summarize", stable=V1, rollout=rollout)
    seen = StepCounts(5, Counts(units, bad), Counts(units, 0))
    nothing = {key: [StepCounts(5)] for key in ("format", "feedback")}
    counts = {**nothing, "errors": [seen], EXPOSED: [StepCounts(5, Counts(units), Counts(units))]}
    step = Step(percent=5, hold=timedelta(minutes=10), since=rollout.entered_at, newest=NOW, now=NOW)
    opinion = weigh(rollout.guard or REPORTED, counts)
    return list(notices(state, rollout, assess(rollout.guard, opinion, step), NOW))


def test_harm_is_told_where_nothing_else_is_done() -> None:
    """With its numbers; where the guard acts, its change tells it."""
    (harm,) = (each for each in told(200, 400, on_harm="notify") if each.kind == "guard.harm")
    acts = told(200, 400, on_harm="rollback")

    assert "the candidate 1.1.0 does harm: errors: 200 of 400 users of the candidate" in harm.text
    assert (harm.id, harm.data["metrics"]) == ("harm_r-1_errors", ["errors"])
    assert [each.kind for each in acts if each.kind == "guard.harm"] == []


def test_a_step_that_waits_is_told_by_its_reason() -> None:
    """Which is in the id, so that another reason is told again."""
    (waits,) = told(0, 40, on_harm="rollback", minimum=100)

    assert (waits.kind, waits.id) == ("guard.waiting", "waiting_r-1_0_sample")
    assert waits.text == (
        "summarize in production: the step of 5 % waits for more users, 60 more. "
        "Look closer: promptstage evidence summarize -e production"
    )


@pytest.mark.parametrize("units", [40, 400])
def test_without_a_guard_nothing_is_told(units: int) -> None:
    """Whatever its calls say."""
    assert told(units, units) == []


def test_the_events_are_known() -> None:
    """So that a target can ask for them."""
    assert {each.kind for each in told(200, 400, on_harm="notify")} <= EVENTS.keys()
