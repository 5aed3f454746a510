"""Whoever sets the wall clock makes no hold shorter or longer, and lets nobody in for longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.access.capabilities import Capability
from registry.access.tokens import Keyring, TokenSpec, mint
from registry.errors import Unauthorized
from registry.rollouts.state import Rollout, State, Step, VersionRef
from registry.rollouts.step_timers import Holds

NOW = datetime(2026, 5, 4, tzinfo=UTC)
HOUR = 3600.0
YEARS = timedelta(days=3652)


def held(advances_at: datetime | None) -> State:
    """A state in a step of one hour."""
    candidate = VersionRef(version="1.3.0", digest="sha256:0", commit="0")
    rollout = Rollout(
        id="r-1",
        salt="salt",
        state="running",
        candidate=candidate,
        steps=(Step(percent=1, hold="1h"), Step(percent=100)),
        step=0,
        entered_at=NOW,
        advances_at=advances_at,
    )
    return State(environment="production", prompt="summarize", epoch=1, seq=1, rollout=rollout)


def seconds(holds: Holds, state: State, now: datetime, present: float = 0.0) -> float:
    """What is left of the one step there is."""
    ((left, _),) = holds.left([state], now, present)
    return left


@pytest.mark.parametrize("later", [-YEARS, -timedelta(hours=1), timedelta(0), YEARS])
def test_a_clock_that_is_set_changes_no_hold_under_way(later: timedelta) -> None:
    """Neither forward, which would skip the step, nor back, which would hold it for years."""
    holds, state = Holds(), held(NOW + timedelta(hours=1))
    before = seconds(holds, state, NOW)

    assert before == HOUR
    assert seconds(holds, state, NOW + later, 60.0) == HOUR - 60


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (NOW, HOUR),
        (NOW + timedelta(minutes=45), HOUR / 4),
        (NOW + YEARS, 0.0),
        (NOW - YEARS, HOUR),
    ],
)
def test_a_new_process_goes_by_the_wall_clock_once(now: datetime, left: float) -> None:
    """But holds no step for longer than its hold."""
    assert seconds(Holds(), held(NOW + timedelta(hours=1)), now) == left


def test_a_pause_keeps_no_more_than_the_hold() -> None:
    """Also if the clock was set back meanwhile."""
    rollout = held(NOW + timedelta(hours=1)).rollout
    assert rollout

    assert rollout.left(NOW - YEARS) == HOUR
    assert rollout.left(NOW + YEARS) == 0.0


def test_a_step_without_a_time_is_held_by_nobody() -> None:
    """It waits for a person."""
    assert Holds().left([held(None)], NOW, 0.0) == []


@pytest.mark.parametrize(
    ("made", "lasts", "why"),
    [
        (timedelta(0), timedelta(hours=1), ""),
        (timedelta(hours=14), timedelta(hours=1), ""),
        (-timedelta(hours=2), timedelta(hours=1), "expired at"),
        (YEARS, timedelta(hours=1), "made at 2036-05-03T00:00:00Z, which is in the future"),
        (YEARS, None, ""),
    ],
)
def test_a_token_of_a_clock_that_was_ahead_lets_nobody_in_for_years(
    made: timedelta, lasts: timedelta | None, why: str
) -> None:
    """One that was to last for an hour is refused instead; one without an end is as good as any."""
    token, secret = mint(TokenSpec(name="ci", capabilities=(Capability.reader,)))
    expires_at = lasts and NOW + made + lasts
    keyring = Keyring([token.model_copy(update={"created_at": NOW + made, "expires_at": expires_at})])
    if why:
        with pytest.raises(Unauthorized, match=why):
            keyring.find(f"Bearer {secret}", NOW)
    else:
        assert keyring.find(f"Bearer {secret}", NOW).name == "ci"
