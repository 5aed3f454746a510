"""The formulas agree with numbers that were computed with sixty digits, and keep what they promise."""

from __future__ import annotations

import json
from math import inf, isclose, log
from pathlib import Path
from random import Random
from typing import Any

import pytest

from registry.evidence.formulas import MeanTest, Sums, interval, log_e_harm, log_e_safe, log_e_srm

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/evidence.json").read_text())
ROUNDING = 1e-15  # of a logarithm that is exactly 0, and of which the vectors have the 62nd digit


def close(found: float, expected: float, relative: float = 1e-9) -> bool:
    """Whether a number is the expected one."""
    return isclose(found, expected, rel_tol=relative, abs_tol=ROUNDING)


def of_arm(row: dict[str, Any], arm: str) -> Any:
    """What the steps of a row add up to."""
    steps = [step[arm] for step in row["steps"]]
    if isinstance(steps[0], int):
        return sum(steps)
    return sum((Sums(each["n"], each["sum"], each["squares"]) for each in steps), Sums())


@pytest.mark.parametrize("row", VECTORS["ratio"])
def test_ratio(row: dict[str, Any]) -> None:
    """Harm, safety, the ratio of the samples, and the interval, which nothing bounds where it is null."""
    canary, control = of_arm(row, "canary"), of_arm(row, "control")

    assert close(log_e_harm(canary, control, row["rho"]), row["ln_e_harm"])
    assert close(log_e_safe(canary, control, row["rho"]), row["ln_e_safe"])
    assert close(log_e_srm(canary, control), row["ln_e_srm"])
    low, high = row["interval_95"]
    found = interval(canary, control)
    assert close(found[0], low or 0.0, 1e-6)
    assert close(found[1], inf if high is None else high, 1e-6)


@pytest.mark.parametrize("row", VECTORS["mean"])
def test_mean(row: dict[str, Any]) -> None:
    """The statistic, the evidence, and both intervals."""
    test = MeanTest(
        canary=of_arm(row, "canary"),
        control=of_arm(row, "control"),
        baseline=row["baseline"],
        tolerated=row["tolerated_rise"] * row["baseline"],
        alpha=row["alpha"] / row["metrics"],
    )

    assert close(test.z, row["z"])
    assert close(test.log_e, row["ln_e"])
    assert close(test.lower_bound, row["lower_bound"])
    assert all(map(close, test.interval, row["interval"]))


def test_a_candidate_that_is_no_worse_is_seldom_blamed() -> None:
    """Of 1,000 rollouts, looked at after each of 400 bad events, no more than one in 20 is called harmful."""
    chance, alpha = Random(7), 0.05
    blamed = 0
    for _ in range(1000):
        canary = control = 0
        for _ in range(400):
            if chance.random() < 0.5:
                canary += 1
            else:
                control += 1
            if canary > control and log_e_harm(canary, control, 1.0) >= log(1 / alpha):
                blamed += 1
                break

    assert 0 < blamed <= 1000 * alpha
