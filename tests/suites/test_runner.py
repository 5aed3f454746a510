"""Planted regressions are found and named, and chance alone changes nothing, with simulated models."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from registry.suites.cases import Case
from registry.suites.problems import Place
from registry.suites.run.comparison import Change, Counts, Outcome, change
from registry.suites.run.desk import Stop
from registry.suites.run.runner import Runner, Subject
from registry.suites.run.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.suites.run.desk import Answered
    from registry.suites.run.request import Version

GOOD = 1.0  # the share of answers that pass
REPEAT = 3
RUNS = 100


@dataclass(frozen=True)
class Simulated:
    """A version whose answers to a case pass with a probability."""

    rates: Mapping[str, float]
    model: str = "simulated"

    def request(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for an answer that passes as often."""
        return {"rate": self.rates.get(values["id"], GOOD)}


class Dice:
    """Stands for all models."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    async def answer(self, _: str, request: dict[str, Any], __: int) -> bool:
        """Answer well, or not."""
        return bool(self._random.random() < request["rate"])


async def judge(_: Case, answered: Answered) -> Trial:
    """Say what the dice said."""
    return Trial(key="x", passed=bool(answered))


def compare(
    count: int, before: Mapping[str, float], now: Mapping[str, float], seed: int, repeat: int = REPEAT
) -> dict[str, Change]:
    """Run a suite of so many cases against a baseline; return what changed, by case."""
    cases = [
        Case(f"case-{number}", {"id": f"case-{number}"}, None, (), (), None, Place("x", number))
        for number in range(count)
    ]
    candidate, baseline = cast("tuple[Version, Version]", (Simulated(now), Simulated(before)))
    subject = Subject.of(candidate, baseline, cases, judge, repeat)
    runner = Runner(cast("Any", Dice(seed)), 4, Stop(), lambda _: None)
    asyncio.run(runner.run([subject]))
    return {result.case.id: found for result in subject.results if (found := result.change)}


def named(changes: Mapping[str, Change], what: Change) -> list[str]:
    """The cases that changed so."""
    return [case for case, found in changes.items() if found is what]


def rates(rate: float, *numbers: int) -> dict[str, float]:
    """Cases that pass with this probability."""
    return {f"case-{number}": rate for number in numbers}


@pytest.mark.parametrize(("count", "broken"), [(50, (17,)), (1000, (3, 500, 999))])
@pytest.mark.parametrize("repeat", [1, REPEAT])
def test_a_planted_regression_is_found_and_named(count: int, broken: tuple[int, ...], repeat: int) -> None:
    """One of fifty, three of a thousand: all of them, and no other."""
    found = compare(count, {}, rates(0.0, *broken), seed=1, repeat=repeat)

    assert named(found, Change.REGRESSED) == [f"case-{number}" for number in broken]
    assert len(found) == len(broken)


def test_a_regression_among_flaky_cases_is_found_and_named() -> None:
    """A tenth of the cases fail at random one time in ten, with either version."""
    flaky = rates(0.9, *range(0, 50, 10))
    for seed in range(RUNS):
        found = compare(50, flaky, flaky | rates(0.0, 17), seed)
        assert named(found, Change.REGRESSED) == ["case-17"], seed


def test_a_null_change_passes() -> None:
    """In at least 99 of 100 runs, though a tenth of the cases is flaky; those are named as what they are."""
    flaky = rates(0.9, *range(0, 50, 10))
    runs = [compare(50, flaky, flaky, seed) for seed in range(RUNS)]

    assert sum(not named(found, Change.REGRESSED) for found in runs) >= 0.99 * RUNS
    assert {case for found in runs for case in named(found, Change.FLAKY)} == set(flaky)


def test_a_null_change_of_coins_passes() -> None:
    """Cases that pass one time in two are the worst that chance can do: here a tenth of the suite."""
    coins = rates(0.5, *range(0, 50, 10))
    runs = [compare(50, coins, coins, seed) for seed in range(RUNS)]

    assert sum(not named(found, Change.REGRESSED) for found in runs) >= 0.95 * RUNS


def test_a_case_that_fails_one_time_in_ten_is_named_as_flaky() -> None:
    """Of 200 of them three repeats show more than a fifth; hardly one is clear enough to fail a run."""
    found = compare(200, {}, rates(0.9, *range(200)), seed=2)

    assert len(named(found, Change.FLAKY)) > 40
    assert len(named(found, Change.REGRESSED)) <= 2


def test_a_case_that_fails_nearly_always_regressed() -> None:
    """Not only one that never passes."""
    found = [compare(1, {}, rates(0.1, 0), seed) for seed in range(RUNS)]

    assert sum(named(each, Change.REGRESSED) == ["case-0"] for each in found) >= 0.97 * RUNS


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        (Counts(2, 1, 0, 3), Outcome.PASSED),
        (Counts(1, 2, 0, 3), Outcome.FAILED),
        (Counts(1, 1, 0, 2), Outcome.FAILED),
        (Counts(2, 0, 1, 3), Outcome.PASSED),
        (Counts(1, 1, 1, 3), Outcome.ERROR),
        (Counts(0, 0, 3, 3), Outcome.ERROR),
        (Counts(0, 1, 2, 3), Outcome.ERROR),
        (Counts(2, 0, 0, 3), Outcome.MISSING),
        (Counts(0, 0, 0, 1), Outcome.MISSING),
    ],
)
def test_the_majority_decides(counts: Counts, outcome: Outcome) -> None:
    """Half of the repeats is not enough to pass, and errors never help."""
    assert counts.outcome is outcome


def test_an_error_is_no_change() -> None:
    """What could not be asked has neither regressed nor been fixed."""
    assert change(Counts(0, 0, 1, 1), Counts(1, 0, 0, 1)) is None
    assert change(Counts(1, 0, 0, 1), Counts(0, 0, 1, 1)) is None
