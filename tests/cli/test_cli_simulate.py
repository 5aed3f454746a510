"""``promptstage simulate``: what it foretells, without a registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli.shell import Cli

SMALL = ("--steps", "5:1h,50:2h,100", "--calls", "2000/h", "--rollouts", "30", "--minimum", "40")


def test_a_forecast(cli: Cli) -> None:
    """How soon it is seen, by how many users, and how long the plan takes; twice the same."""
    done = cli("simulate", *SMALL, "--base", "errors=5%", "--ratio", "4")
    lines = done.out.splitlines()

    assert (done.code, done.err) == (0, "")
    assert lines[0] == "5% for 1h, 50% for 2h, 100%; 2000/h"
    assert lines[2] == "errors 4 times as bad: 30 rollouts"
    assert [line.partition(":")[0] for line in lines[3:7]] == ["Taken back", "After", "That is", "Met by"]
    assert lines[3].endswith("30 of 30")
    assert lines[8] == "No worse: 30 rollouts"
    assert lines[9].endswith("at most 5.0% are promised)")
    assert lines[10] == "The plan takes:  3h (9 of 10 times at most 3h)"
    assert cli("simulate", *SMALL, "--base", "errors=5%", "--ratio", "4").out == done.out


def test_a_forecast_for_programs(cli: Cli) -> None:
    """Of a candidate that is no worse there is only the second."""
    found = json.loads(cli("simulate", *SMALL, "--ratio", "1", "--json").out)

    assert found["worse"] is None
    assert found["no_worse"]["rollouts"] == 30
    assert found["no_worse"]["waits"] == 0


def test_too_few_users(cli: Cli) -> None:
    """The guard waits for them, and then for a person."""
    done = cli("simulate", *SMALL, "--ratio", "1", "--users", "100")

    assert "Too few users:  30 of 30: a step waits 3 times its hold for 40 users of each version" in done.out
    assert "The plan takes" not in done.out


def test_a_rollout_that_no_step_ends(cli: Cli) -> None:
    """An A/B test: harm is found, and nothing completes it."""
    done = cli("simulate", "--steps", "50", "--rollouts", "20", "--base", "errors=5%", "--ratio", "5")

    assert "Taken back:  20 of 20" in done.out
    assert "The plan takes:  until you advance it" in done.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--calls", "500"), "--calls '500': write them like 20/s, 10/m, 500/h or 5000/d"),
        (("--calls", "0/h"), "--calls '0/h': write them like"),
        (("--base", "speed=2%"), "--base 'speed=2%': write it like errors=2%; there are errors, latency,"),
        (("--base", "errors=200%"), "--base 'errors=200%': a share is above 0 and below 100%"),
        (("--steps", "1:10x,100"), "'10x' is not a time; write 30s, 10m, 4h or 2d"),
        (("--steps", "5,1"), "steps.1.percent: 1 does not rise above 5"),
        (("--steps", "5", "--plan", "fast"), "give --plan or --steps, not both"),
        (("--ratio", "0"), "write 0.01 or more"),
    ],
)
def test_bad_options(cli: Cli, options: tuple[str, ...], words: str) -> None:
    """Each says what to write."""
    done = cli("simulate", *options)

    assert done.code != 0
    assert words in " ".join(done.err.split())
