"""How far judges and people agree, and judges with themselves. Pure.

People see the calls that something speaks against, and few of the others. So each label is weighted by the
inverse of the chance that its call was queued (Horvitz and Thompson, JASA 1952): the rates are those of all
sampled calls. An interval is that of Wilson (JASA 1927) for as many labels as the weights are worth (Kish,
Survey Sampling, 1965): (sum of weights)^2 / sum of their squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.review import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEAST = 50  # labels, below which nothing is said
Z = 1.959964  # of 95 %


class Pair(NamedTuple):
    """A call that a person and a judge judged: how likely it was to be queued, and what both say."""

    chance: float
    is_good: bool
    score: float


class Rate(NamedTuple):
    """A share, and the interval that has it with 95 %."""

    rate: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """Return the API's form."""
        return {"rate": round(self.rate, 6), "interval": [round(self.low, 6), round(self.high, 6)]}


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the labels of calls say of a judge.

    Attributes:
        labels: how many there are.
        worth: how many equal ones their weights are worth.
        agrees: the share of calls on which both say the same.
        passes_bad: of the calls that people call bad, those that the judge calls good; None: there are none.
        fails_good: of the calls that people call good, those that the judge calls bad.
        kappa: Cohen's, which is 0 for a judge that always says the same; None: both always do.
        says_good: the share of calls that the judge calls good.
    """

    labels: int
    worth: float
    agrees: Rate
    passes_bad: Rate | None
    fails_good: Rate | None
    kappa: float | None
    says_good: Rate

    def to_json(self) -> dict[str, Any]:
        """Return the API's form."""
        return {
            "worth": round(self.worth, 1),
            "agrees": self.agrees.to_json(),
            "passes_bad": self.passes_bad and self.passes_bad.to_json(),
            "fails_good": self.fails_good and self.fails_good.to_json(),
            "says_good": self.says_good.to_json(),
            "kappa": None if self.kappa is None else round(self.kappa, 6),
        }


def compare(pairs: Sequence[Pair]) -> Agreement | None:
    """Compare a judge with people; None below `LEAST` labels."""
    if len(pairs) < LEAST:
        return None
    weighted = [(1 / pair.chance, pair.is_good, rules.is_good(pair.score)) for pair in pairs]
    agrees = rate((weight, person is judge) for weight, person, judge in weighted)
    says_good = rate((weight, judge) for weight, _, judge in weighted)
    person_good = rate((weight, person) for weight, person, _ in weighted)
    assert agrees is not None  # noqa: S101 - there are pairs
    assert says_good is not None  # noqa: S101
    assert person_good is not None  # noqa: S101
    by_chance = says_good.rate * person_good.rate + (1 - says_good.rate) * (1 - person_good.rate)
    return Agreement(
        labels=len(pairs),
        worth=_worth([weight for weight, *_ in weighted]),
        agrees=agrees,
        passes_bad=rate((weight, judge) for weight, person, judge in weighted if not person),
        fails_good=rate((weight, not judge) for weight, person, judge in weighted if person),
        kappa=(agrees.rate - by_chance) / (1 - by_chance) if by_chance < 1 else None,
        says_good=says_good,
    )


def rate(weighted: Iterable[tuple[float, bool]]) -> Rate | None:
    """Return the share of the weights for which something holds; None without any."""
    listed = list(weighted)
    if not listed:
        return None
    total = sum(weight for weight, _ in listed)
    share = sum(weight for weight, holds in listed if holds) / total
    n = _worth([weight for weight, _ in listed])
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


def twice(scores: Iterable[tuple[float, float]]) -> dict[str, Any]:
    """Compare the first scores of calls with second ones by the same judge: how often good turns into bad."""
    pairs = [(first, second) for first, second in scores]
    differ = [rules.is_good(first) is not rules.is_good(second) for first, second in pairs]
    found = rate((1.0, one) for one in differ)
    return {"pairs": len(pairs), "differ": sum(differ), **(found.to_json() if found else _NO_RATE)}


_NO_RATE: dict[str, Any] = {"rate": None, "interval": None}


def _worth(weights: Sequence[float]) -> float:
    return sum(weights) ** 2 / sum(weight * weight for weight in weights)
