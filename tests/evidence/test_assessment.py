"""What a step waits for: missing data never lets it go forward, whenever that is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.evidence.assessment import Assessment, Step, Waiting, assess, weigh
from registry.evidence.counting import EXPOSED
from registry.evidence.verdicts import Counts, StepCounts
from registry.rollouts.guard import Guard

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOLD = timedelta(minutes=10)
GUARD = Guard(tolerance={"errors": 1.0})


def found(
    canary: Counts, control: Counts, held: timedelta = HOLD, guard: Guard = GUARD, **step: Any
) -> Assessment:
    """What is found of a step that is held for ten minutes, after a time."""
    counts = {
        "errors": [StepCounts(50, canary, control)],
        EXPOSED: [StepCounts(50, Counts(canary.units), Counts(control.units))],
    }
    known: dict[str, Any] = {"percent": 50, "hold": HOLD, "newest": NOW} | step
    return assess(guard, weigh(guard, counts), Step(since=NOW - held, now=NOW, **known))


MANY, FEW, NONE = Counts(200, 2), Counts(40, 1), Counts()


@pytest.mark.parametrize("held", [timedelta(0), HOLD - timedelta(seconds=1), HOLD])
@pytest.mark.parametrize(
    ("arms", "more", "reason"),
    [
        ((NONE, NONE), {"newest": None}, "sample"),  # the first call may be too young to count
        ((MANY, MANY), {"newest": NOW - timedelta(minutes=16)}, "data"),
        ((FEW, MANY), {}, "srm"),
        ((FEW, FEW), {}, "sample"),
        ((Counts(200, 90), MANY), {}, "person"),
    ],
)
def test_what_stands_against_an_advance_does_so_before_the_hold_is_over(
    arms: tuple[Counts, Counts], more: dict[str, Any], reason: str, held: timedelta
) -> None:
    """As a scheduler that finds the hold over relies on what was found a moment before."""
    one = found(*arms, held=held, **more)

    assert one.obstacle
    assert one.obstacle.reason == reason
    assert one.waiting == (one.obstacle if held >= HOLD else None)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"percent": 0, "newest": None},  # nobody is measured there
        {"guard": GUARD.model_copy(update={"on_no_data": "ignore"}), "newest": None},
        {"hold": None, "newest": None},  # a person advances
    ],
)
def test_nothing_stands_against_it(more: dict[str, Any]) -> None:
    """Where both arms have enough, or nothing is to be waited for."""
    assert found(MANY, MANY, **more).obstacle is None


def test_without_a_call_it_first_waits_for_users_and_then_for_data() -> None:
    """The first calls are too young to count: that apps do not report can be said after a while only."""
    guard = GUARD.model_copy(update={"on_small": "advance"})
    waits = [found(NONE, NONE, HOLD * times, guard, newest=None).waiting for times in (1, 4)]

    assert [each and (each.reason, each.needs) for each in waits] == [("sample", 100), ("data", None)]


def test_a_small_sample_advances_after_the_longest_wait() -> None:
    """If the guard says so, and not before; it says how many are missing, and about how long they take."""
    guard = GUARD.model_copy(update={"on_small": "advance"})
    waits = found(FEW, FEW, 3 * HOLD - timedelta(seconds=1), guard).waiting

    assert waits == Waiting("sample", 60, timedelta(seconds=2699))
    assert found(FEW, FEW, 3 * HOLD, guard).obstacle is None
