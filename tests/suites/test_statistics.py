"""Exact tests of small counts, against tables and against counting all ways."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest

from registry.suites.run.statistics import fisher_less, sign_test


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (3, 0, 0.25),
        (0, 6, 0.03125),
        (1, 8, 0.0390625),
        (5, 5, 1.0),
        (2, 10, 0.03857421875),
    ],
)
def test_the_sign_test(wins: int, losses: int, p: float) -> None:
    """Twice the tail of a fair coin, as published tables have it."""
    assert sign_test(wins, losses) == sign_test(losses, wins) == p


def test_the_sign_test_of_a_great_many() -> None:
    """No float overflows on the way."""
    assert sign_test(10_000, 10_000) == 1.0
    assert 0 < sign_test(9_500, 10_500) < 1e-9


@pytest.mark.parametrize(("passes", "before"), [(0, 3), (1, 3), (2, 3), (3, 3), (3, 0), (1, 1), (0, 0)])
def test_fishers_test_counts_all_ways(passes: int, before: int) -> None:
    """Of all ways to deal the passes to three and three trials, those with as few or fewer."""
    deals = list(combinations(range(6), passes + before))
    as_few = sum(sum(trial < 3 for trial in deal) <= passes for deal in deals)

    assert fisher_less(passes, 3, before, 3) == pytest.approx(float(Fraction(as_few, len(deals))))


def test_fishers_test_of_what_counts_as_clear() -> None:
    """Nine of nine and three of nine are; four of nine are not."""
    assert fisher_less(3, 9, 9, 9) < 0.01 < fisher_less(4, 9, 9, 9)
