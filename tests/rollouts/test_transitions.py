"""The table of transitions, cell by cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.errors import Invalid
from registry.rollouts.state import PLANS, State, Step, VersionRef, check_steps
from registry.rollouts.transitions import (
    Advance,
    Command,
    Conflict,
    Pause,
    Promote,
    Resume,
    Rollback,
    Start,
    apply,
    ends,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
V1, V2, V3 = (VersionRef(version=f"{n}.0.0", digest=f"sha256:{n}", commit=str(n)) for n in (1, 2, 3))
STEPS = (Step(percent=1, hold="10m"), Step(percent=25), Step(percent=100))

NOTHING = State(environment="production", prompt="summarize")
STEADY = NOTHING.model_copy(update={"stable": V1})


def start(candidate: VersionRef = V2, steps: tuple[Step, ...] = STEPS) -> Start:
    """The command, with what tests do not care about filled in."""
    return Start(candidate, steps, (), "r-1", "salt")


def done(state: State, *commands: Command, now: datetime = NOW) -> State:
    """The state after commands that are all allowed."""
    for command in commands:
        after = apply(state, command, now)
        assert isinstance(after, State), after
        state = after
    return state


RUNNING = done(STEADY, start())
PAUSED = done(RUNNING, Pause())


@pytest.mark.parametrize(
    ("state", "command", "code"),
    [
        (NOTHING, start(), "no_stable"),
        (NOTHING, Advance(), "no_stable"),
        (NOTHING, Pause(), "no_stable"),
        (NOTHING, Resume(), "no_stable"),
        (NOTHING, Rollback(), "no_stable"),
        (NOTHING, Promote(), "version_needed"),
        (STEADY, start(V1), "already_stable"),
        (STEADY, Advance(), "no_rollout"),
        (STEADY, Pause(), "no_rollout"),
        (STEADY, Resume(), "no_rollout"),
        (STEADY, Promote(V1), "already_stable"),
        (STEADY, Promote(), "version_needed"),
        (STEADY, Rollback(), "nothing_to_roll_back"),
        (RUNNING, start(V3), "rollout_active"),
        (RUNNING, Resume(), "not_paused"),
        (RUNNING, Promote(V3), "rollout_active"),
        (PAUSED, start(V3), "rollout_active"),
        (PAUSED, Advance(), "paused"),
        (PAUSED, Pause(), "paused"),
        (PAUSED, Promote(V3), "rollout_active"),
    ],
)
def test_refused(state: State, command: Command, code: str) -> None:
    """What the state does not allow is a conflict with its code."""
    after = apply(state, command, NOW)

    assert isinstance(after, Conflict)
    assert after.code == code


def test_first_promote_puts_a_version_in_force() -> None:
    """The first version is promoted, and there is nothing before it."""
    after = done(NOTHING, Promote(V1))

    assert (after.stable, after.previous, after.rollout) == (V1, None, None)


def test_start_enters_the_first_step() -> None:
    """A start leaves stable alone, and times the first step."""
    rollout = RUNNING.rollout

    assert RUNNING.stable == V1
    assert rollout is not None
    assert (rollout.candidate, rollout.step, rollout.percent) == (V2, 0, 1)
    assert rollout.advances_at == NOW + timedelta(minutes=10)


def test_advance_enters_the_next_step() -> None:
    """A step without a hold waits for a person."""
    rollout = done(RUNNING, Advance()).rollout

    assert rollout is not None
    assert (rollout.step, rollout.advances_at) == (1, None)


@pytest.mark.parametrize("steps", [STEPS, (Step(percent=1), Step(percent=25))])
def test_advance_completes_into_100_percent_or_past_the_last_step(steps: tuple[Step, ...]) -> None:
    """Completing makes the candidate stable, and the old stable the previous."""
    after = done(STEADY, start(steps=steps), Advance(), Advance())

    assert (after.stable, after.previous, after.rollout) == (V2, V1, None)


@pytest.mark.parametrize("command", [Promote(), Promote(V2)])
@pytest.mark.parametrize("state", [RUNNING, PAUSED])
def test_promote_completes_a_rollout(state: State, command: Promote) -> None:
    """Running or paused, named or not, the candidate is put in force."""
    after = done(state, command)

    assert (after.stable, after.previous, after.rollout) == (V2, V1, None)


def test_rollback_of_a_rollout_leaves_stable() -> None:
    """Rolling back twice changes nothing the second time."""
    after = done(RUNNING, Rollback())

    assert (after.stable, after.previous, after.rollout) == (V1, None, None)
    assert isinstance(apply(after, Rollback(), NOW), Conflict)


def test_rollback_of_a_promote_goes_to_previous_once() -> None:
    """A second click is a conflict, not a way back and forth."""
    after = done(STEADY, Promote(V2), Rollback())

    assert (after.stable, after.previous) == (V1, None)
    assert isinstance(apply(after, Rollback(), NOW), Conflict)


def test_a_started_rollout_forgets_previous_when_rolled_back() -> None:
    """The latest forward step is undone, never one before it."""
    assert done(STEADY, Promote(V2), start(V3), Rollback()).previous is None


def test_pause_stops_the_clock_and_resume_goes_on_with_what_was_left() -> None:
    """Four of ten minutes were over, so six are left, whenever it is resumed."""
    paused = done(RUNNING, Pause(), now=NOW + timedelta(minutes=4))
    later = NOW + timedelta(days=1)
    resumed = done(paused, Resume(), now=later)

    assert paused.rollout is not None
    assert paused.rollout.advances_at is None
    assert resumed.rollout is not None
    assert resumed.rollout.advances_at == later + timedelta(minutes=6)


def test_a_state_survives_its_json() -> None:
    """What the journal keeps is what was decided; steps without a hold say nothing of one."""
    assert State.model_validate_json(PAUSED.model_dump_json()) == PAUSED
    assert PAUSED.model_dump(mode="json")["rollout"]["steps"][1] == {"percent": 25}


@pytest.mark.parametrize(
    ("before", "command", "expected"),
    [
        (NOTHING, Promote(V1), (None, "1.0.0")),
        (STEADY, start(), ("1.0.0", "2.0.0")),
        (RUNNING, Advance(), (1, 25)),
        (RUNNING, Pause(), (1, 1)),
        (RUNNING, Promote(), ("1.0.0", "2.0.0")),
        (RUNNING, Rollback(), ("2.0.0", "1.0.0")),
        (done(STEADY, Promote(V2)), Rollback(), ("2.0.0", "1.0.0")),
    ],
)
def test_ends(before: State, command: Command, expected: tuple[object, object]) -> None:
    """The history says from which version, or percent, to which."""
    assert ends(before, done(before, command)) == expected


@pytest.mark.parametrize("percent", [101, -1, "10", True, 0.0001, float("nan"), None])
def test_bad_percents(percent: object) -> None:
    """A percent is a number from 0 to 100 with at most three decimals, and not a string."""
    with pytest.raises(ValueError, match="percent"):
        Step.model_validate({"percent": percent})


@pytest.mark.parametrize("hold", ["10", "0s", "1w", "1.5h", " 10m", "-1s", ""])
def test_bad_holds(hold: str) -> None:
    """A hold is a whole number and s, m, h or d."""
    with pytest.raises(ValueError, match="hold"):
        Step(percent=1, hold=hold)


@pytest.mark.parametrize("percents", [(), (5, 5), (10, 5), range(51)])
def test_bad_steps(percents: tuple[int, ...]) -> None:
    """Steps rise strictly, and there are some but not too many."""
    with pytest.raises(Invalid, match="steps"):
        check_steps([Step(percent=percent) for percent in percents])


def test_a_hold_that_leads_nowhere() -> None:
    """A last step with a hold would promise an advance that never comes."""
    with pytest.raises(Invalid, match="last step"):
        check_steps([Step(percent=5, hold="1h")])


@pytest.mark.parametrize("plan", PLANS)
def test_presets_are_good_steps(plan: str) -> None:
    """The named plans keep the rules that they stand for, and end with everyone."""
    assert check_steps(PLANS[plan])[-1].percent == 100
