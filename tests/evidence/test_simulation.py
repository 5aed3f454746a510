"""Simulated rollouts: what is promised of guards holds, and what is foretold is the same each time."""

from __future__ import annotations

from dataclasses import replace
from math import log
from xml.etree import ElementTree as ET

import pytest
from evidence import curve
from evidence.families import NO_WORSE, TIMED, WORSE, Simulated, bounded, failures, simulate, weak
from evidence.timed import Seconds

from registry.evidence.forecast import LEAST, forecast, no_worse, spread
from registry.evidence.formulas import SHARE, log_e_harm, log_e_srm
from registry.evidence.simulation import Traffic, Trial, Watched, may_speak, run
from registry.evidence.verdicts import Metric

ROLLOUTS = 200
CALLS = 300.0  # an hour
TIMED_CALLS = 500  # measured, of a rollout
ERRORS = Watched(Metric("errors", 1.0), 0.02, 2.0)
PLAN = ((5.0, 2.0), (25.0, 4.0), (50.0, 4.0), (100.0, None))
DOUBLED = Trial(steps=PLAN, traffic=Traffic(calls=1000), watched=(ERRORS,), minimum=40)


@pytest.mark.parametrize("name", NO_WORSE)
def test_a_candidate_that_is_no_worse_is_seldom_taken_back(name: str) -> None:
    """However its users come and go, and whatever happens to all of them; looked at after every call."""
    found = simulate(NO_WORSE[name](CALLS), ROLLOUTS)

    assert list(failures(name, found)) == []
    assert all(one.completed or one.harm for one in found.runs)


@pytest.mark.parametrize("name", TIMED)
def test_calls_that_take_their_time_look_no_worse(name: str) -> None:
    """However slow they are, however fast they fail, and whoever is still on a version from before."""
    found = simulate(TIMED[name](TIMED_CALLS), ROLLOUTS)

    assert list(failures(name, found)) == []


def test_calls_that_count_at_their_end_would_look_worse() -> None:
    """Failures that come before the successes that began with them: that is what the wait is for."""
    hurried = replace(TIMED["fast failures"](TIMED_CALLS), control=Seconds(5, 240), window=0.0)

    assert list(failures("hurried", simulate(hurried, ROLLOUTS)))


def test_doubled_errors_are_found() -> None:
    """In a median of at most 75 bad events, and in 400 nearly always."""
    assert list(weak(simulate(bounded(WORSE[2.0](CALLS)), ROLLOUTS))) == []


def test_a_broken_promise_is_seen() -> None:
    """The bounds of these tests can be missed: by twice the errors, which are no harm, and by equal ones."""
    worse = simulate(bounded(WORSE[2.0](CALLS)), 50)
    equal = simulate(NO_WORSE["1:1"](CALLS), 50)

    assert list(failures("worse", worse))
    assert list(weak(equal))
    assert list(failures("torn", Simulated(tuple(replace(one, mismatched=True) for one in equal.runs))))


@pytest.mark.parametrize("rho", [1.0, 1.2, 1.5])
def test_what_is_not_asked_would_have_said_nothing(rho: float) -> None:
    """The cheap bound lets no harm pass by unseen, nor a mismatch."""
    for events in (1, 2, 5, 17, 60, 241, 977):
        for canary in range(events + 1):
            control = events - canary
            for bound in (log(20), log(100)):
                harm = log_e_harm(canary, control, rho) >= bound
                assert may_speak(canary, events, rho / (1 + rho), bound) or not harm
            mismatch = log_e_srm(canary, control) >= log(1000)
            assert may_speak(canary, events, SHARE, log(1000)) or not mismatch


def test_the_same_seed_is_the_same_rollout() -> None:
    """So a forecast can be repeated."""
    assert run(DOUBLED, 7) == run(DOUBLED, 7) != run(DOUBLED, 8)
    assert forecast(DOUBLED, 20, 1) == forecast(DOUBLED, 20, 1)


def test_a_forecast_of_harm() -> None:
    """The worse the candidate, the sooner it is found; each call is another user's."""
    twice, five = (
        forecast(replace(DOUBLED, watched=(replace(ERRORS, ratio=ratio),)), 100, 1) for ratio in (2.0, 5.0)
    )

    assert (twice.rollouts, five.taken_back) == (100, 100)
    assert twice.taken_back > 80
    assert twice.calls
    assert five.calls
    assert five.calls.median < twice.calls.median < twice.calls.p90
    assert twice.users == twice.calls


def test_a_forecast_without_harm() -> None:
    """The plan takes as long as it says, or longer where too few users come."""
    plain, rare, few = (
        forecast(replace(no_worse(DOUBLED), traffic=traffic), 25, 1)
        for traffic in (Traffic(calls=1000), Traffic(calls=200), Traffic(calls=1000, users=300))
    )

    assert plain.completes
    assert plain.completes.median == pytest.approx(10)
    assert rare.completes
    assert rare.completes.median > 11
    assert (plain.waits, rare.waits, few.waits) == (0, 0, 25)


def test_users_who_come_again_meet_it_once() -> None:
    """So fewer users than calls get the candidate."""
    found = forecast(replace(DOUBLED, traffic=Traffic(calls=1000, users=2000)), 25, 1)

    assert found.users
    assert found.calls
    assert found.users.median < found.calls.median


def test_costs_are_compared() -> None:
    """By their means."""
    cost = Watched(Metric("cost", 0.05, baseline=4000), 0.0, 2.0)
    dearer = replace(DOUBLED, watched=(cost,))

    assert forecast(dearer, 20, 1).taken_back == 20
    assert forecast(no_worse(dearer), 20, 1, budget=20_000).taken_back <= 3


def test_a_budget_bounds_the_work() -> None:
    """Though some are simulated in any case."""
    assert forecast(DOUBLED, 200, 1, budget=1).rollouts == LEAST
    assert spread([]) is None
    assert spread([3, 1, 2]) == (2, 3)


def test_the_plot_has_a_line_for_each_family() -> None:
    """With its name."""
    found = simulate(bounded(WORSE[3.0](CALLS)), 20)
    drawn = ET.fromstring(curve.svg({"three times": found, "again": found}))
    tag = "{http://www.w3.org/2000/svg}"

    assert len(drawn.findall(f"{tag}polyline")) == 2
    assert "three times" in [text.text for text in drawn.findall(f"{tag}text")]
