"""Rates of judges beside people: right on the average, with intervals that hold."""

from __future__ import annotations

from random import Random

import pytest

from registry.review import agreement
from registry.review.agreement import Pair

SURE, RARE = 1.0, 1 / 50


def test_labels_are_weighted_by_their_chance() -> None:
    """Fifty bad calls that are all seen count as much as one of fifty that are not."""
    pairs = [Pair(SURE, is_good=False, score=0.1)] * 50 + [Pair(RARE, is_good=True, score=0.1)]
    found = agreement.compare(pairs)

    assert found
    assert found.agrees.rate == pytest.approx(0.5)
    assert found.worth == pytest.approx(100**2 / (50 + 2500))
    assert found.agrees.high - found.agrees.low > 0.5


def test_nothing_is_said_below_fifty_labels() -> None:
    """However clear they are."""
    assert agreement.compare([Pair(SURE, is_good=True, score=1)] * 49) is None
    assert agreement.compare([Pair(SURE, is_good=True, score=1)] * 50)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_judge_that_always_says_the_same_knows_nothing(score: float) -> None:
    """Its agreement may be high; kappa is 0, and what it says of bad calls is shown."""
    pairs = [Pair(SURE, is_good=i % 10 != 0, score=score) for i in range(100)]
    found = agreement.compare(pairs)

    assert found
    assert found.kappa == pytest.approx(0)
    assert found.says_good.rate == score
    assert found.passes_bad
    assert found.passes_bad.rate == score
    assert found.agrees.rate == pytest.approx(0.9 if score else 0.1)


def test_a_perfect_judge() -> None:
    """Has an interval all the same."""
    found = agreement.compare([Pair(SURE, is_good=i % 2 == 0, score=(i + 1) % 2) for i in range(60)])

    assert found
    assert (found.kappa, found.agrees.rate, found.agrees.high) == (1, 1, 1)
    assert 0.9 < found.agrees.low < 0.95


@pytest.mark.parametrize("accuracy", [0.7, 0.95])
def test_intervals_hold_for_all_calls_not_for_the_queue(accuracy: float) -> None:
    """A judge that is right of all calls so often is found to be, from the few that people saw."""
    random, inside, plain = Random(7), 0, []
    for _ in range(300):
        pairs = []
        for _ in range(3000):
            is_good = random.random() < 0.9
            says_good = is_good if random.random() < accuracy else not is_good
            chance = RARE if says_good else SURE
            if random.random() < chance:
                pairs.append(Pair(chance, is_good, float(says_good)))
        found = agreement.compare(pairs)
        assert found
        inside += found.agrees.low <= accuracy <= found.agrees.high
        plain.append(sum((pair.score >= 0.5) is pair.is_good for pair in pairs) / len(pairs))

    assert inside / 300 >= 0.92
    assert abs(sum(plain) / 300 - accuracy) > 0.1  # what the labels alone would say


def test_a_judge_beside_itself() -> None:
    """What counts is whether good turns into bad."""
    found = agreement.twice([(0.9, 0.6), (0.4, 0.6), (0.1, 0.0), (1.0, 0.0)])

    assert (found["pairs"], found["differ"], found["rate"]) == (4, 2, 0.5)
    assert agreement.twice([]) == {"pairs": 0, "differ": 0, "rate": None, "interval": None}
