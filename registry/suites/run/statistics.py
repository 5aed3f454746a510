"""Exact tests of small counts. Pure, in integers until the last division."""

from __future__ import annotations

from math import comb


def sign_test(wins: int, losses: int) -> float:
    """The two-sided p of a sign test: how often chance alone is at least as one-sided. Ties are left out.

    It is the exact test of McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages" (1947), if the counts are the discordant pairs.
    """
    total = wins + losses
    tail, ways = 0, 1  # ways to choose so many of all; each from the one before, as there may be thousands
    for count in range(min(wins, losses) + 1):
        tail += ways
        ways = ways * (total - count) // (count + 1)
    return min(1.0, tail / (1 << total) * 2)


def fisher_less(passes: int, trials: int, before: int, trials_before: int) -> float:
    """The one-sided p of Fisher's exact test that trials pass less often than those before.

    Args:
        passes: of the candidate's trials.
        trials: of the candidate.
        before: of the baseline's trials, those that passed.
        trials_before: of the baseline.
    """
    all_passes = passes + before
    ways = comb(trials + trials_before, all_passes)
    least = max(0, all_passes - trials_before)
    return sum(comb(trials, x) * comb(trials_before, all_passes - x) for x in range(least, passes + 1)) / ways
