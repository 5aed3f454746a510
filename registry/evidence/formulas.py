"""Sequential tests, which may be looked at after every event. Pure, in `math` alone.

Ratio: "whose bad event is it?", the multinomial e-process of Lindon and Malek, "Anytime-Valid Inference For
Multinomial Count Data" (2022), as a mixture over alternatives. Half of the measured units are canary at every
step, so that under "canary's rate is at most rho times control's" a bad event is the canary's with a
probability of at most ``rho / (rho + 1)``, whatever the base rate does meanwhile. A candidate that is no
worse reaches an E-value of 1/alpha with a probability of at most alpha (Ville's inequality).

Mean: the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform
central limit theory and asymptotic confidence sequences" (2024), one-sided.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import erfc, exp, inf, log, log1p, pi, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

N_STAR = 5000
"""Observations at which the test of a mean is sharpest."""

SHARE = 0.5
"""The canary's share of the measured units, at every step."""

LEAST_DEVIATION = 0.001
"""Of a mean, as a share of the baseline: values that are all the same would be divided by nothing."""

_ROOT_2 = sqrt(2)
_SERIES_FROM = -25.0  # below this, `erfc` of a normal tail loses digits to underflow


def geometric(first: float, last: float, count: int) -> tuple[float, ...]:
    """So many numbers from the first to the last, each the same multiple of the one before."""
    step = log(last / first) / (count - 1)
    return tuple(first * exp(step * number) for number in range(count))


HARM = geometric(1.05, 16, 16)
SAFE = geometric(1 / 16, 1 / 1.05, 16)
SRM = (*geometric(0.5, 1 / 1.02, 12), *geometric(1.02, 2, 12))


def log_e_harm(canary: int, control: int, rho: float) -> float:
    """The evidence that the canary's rate of bad events is more than `rho` times control's: ln E.

    Args:
        canary: its units with a bad event, over all steps.
        control: those of control.
        rho: the tolerated ratio of the rates.
    """
    return _log_e(canary, control, rho, HARM)


def log_e_safe(canary: int, control: int, rho: float) -> float:
    """The evidence that the canary's rate is less than `rho` times control's: ln E."""
    return _log_e(canary, control, rho, SAFE)


def log_e_srm(canary: int, control: int) -> float:
    """The evidence that units are not shared out as planned (sample ratio mismatch), to either side: ln E."""
    return _log_e(canary, control, 1.0, SRM)


def interval(canary: int, control: int, alpha: float = 0.05) -> tuple[float, float]:
    """The ratios of the rates that the counts do not speak against: an interval for all times together.

    Returns:
        the least and the greatest rho with ``(E_harm(rho) + E_safe(rho)) / 2 < 1 / alpha``; 0 and infinity
        where nothing bounds it.
    """
    bound = log(1 / alpha)

    def against(logarithm: float) -> float:
        rho = exp(logarithm)
        both = (log_e_harm(canary, control, rho), log_e_safe(canary, control, rho))
        return log_sum(both) - log(2) - bound

    middle = log((canary + 0.5) / (control + 0.5))
    lowest = -inf if canary == 0 else _root(against, middle, -1.0)
    highest = inf if control == 0 else _root(against, middle, 1.0)
    return exp(lowest), exp(highest) if highest < inf else inf


def _log_e(canary: int, control: int, rho: float, grid: tuple[float, ...]) -> float:
    """Mix the alternatives: at a ratio of r a bad event is the canary's with a probability of r / (1 + r)."""
    events = canary + control
    terms = [canary * more + events * less for more, less in _weights(rho, grid)]
    return log_sum(terms) - log(len(terms))


@lru_cache(maxsize=256)
def _weights(rho: float, grid: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """Return what a bad event of the canary adds to ln e of each alternative, and what any bad event does."""
    null = log1p(rho)
    return tuple((log(by), null - log1p(rho * by)) for by in grid)


def log_sum(logarithms: Sequence[float]) -> float:
    """The logarithm of the sum of numbers that are given by their logarithms."""
    greatest = max(logarithms)
    return greatest if abs(greatest) == inf else greatest + log(sum(exp(x - greatest) for x in logarithms))


def _root(function: Callable[[float], float], inside: float, direction: float) -> float:
    """Where a function, below zero inside, reaches zero in one direction: to the last digit that counts."""
    outside = inside + direction
    while function(outside) < 0:
        inside, outside = outside, outside + 2 * (outside - inside)
        if abs(outside) > 700:  # noqa: PLR2004 - beyond it `exp` has no float
            return direction * inf
    for _ in range(80):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if function(middle) < 0 else (inside, middle)
    return (inside + outside) / 2


@dataclass(frozen=True, slots=True)
class Sums:
    """What one arm adds up to: observations, their sum, and the sum of their squares."""

    n: int = 0
    total: int = 0
    squares: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.total + other.total, self.squares + other.squares)


@dataclass(frozen=True, slots=True)
class MeanTest:
    """Whether the canary's mean is more than `tolerated` above control's.

    Attributes:
        canary, control: the sums of both arms.
        baseline: a constant near control's mean, frozen before: it takes variance away, and no more.
        tolerated: the rise that is tolerated, in the observations' unit.
        alpha: the error that this test may make, already divided by the number of metrics.
    """

    canary: Sums
    control: Sums
    baseline: float
    tolerated: float
    alpha: float

    @property
    def z(self) -> float:
        """The excess of the canary over what is tolerated, in standard deviations of one observation."""
        return (self._sum - self._n * self.tolerated) / sqrt(self._variance)

    @property
    def log_e(self) -> float:
        """The evidence that the rise is more than is tolerated: ln E."""
        return self._evidence(self.z)

    @property
    def log_e_safe(self) -> float:
        """The evidence that it is less: ln E."""
        return self._evidence(-self.z)

    @property
    def lower_bound(self) -> float:
        """What the difference of the means (canary's less control's) is at least, for all times together."""
        return self.difference - self._half(self.alpha)

    @property
    def interval(self) -> tuple[float, float]:
        """The differences of the means that the sums do not speak against, half of alpha on each side."""
        half = self._half(self.alpha / 2)
        return self.difference - half, self.difference + half

    @property
    def _n(self) -> int:
        return self.canary.n + self.control.n

    @property
    def _sum(self) -> float:
        """The sum of ``(y - baseline) * (A / share - (1 - A) / (1 - share))``, A being 1 for the canary."""
        m = self.baseline
        canary, control = self.canary, self.control
        return (canary.total - m * canary.n) / SHARE - (control.total - m * control.n) / (1 - SHARE)

    @property
    def difference(self) -> float:
        """The difference of the means, canary's less control's."""
        return self._sum / self._n

    @property
    def _variance(self) -> float:
        m = self.baseline
        canary, control = (
            arm.squares - 2 * m * arm.total + m * m * arm.n for arm in (self.canary, self.control)
        )
        squares = canary / SHARE**2 + control / (1 - SHARE) ** 2
        return max(squares / self._n - self.difference**2, (LEAST_DEVIATION * m) ** 2)

    def _evidence(self, z: float) -> float:
        rho2 = _rho2(self.alpha)
        w = 1 + self._n * rho2
        return log(2) - log(w) / 2 + rho2 * z * z / (2 * w) + log_normal(sqrt(rho2 / w) * z)

    def _half(self, alpha: float) -> float:
        rho2, n = _rho2(alpha), self._n
        w = n * rho2 + 1
        return sqrt(self._variance / n) * sqrt(2 * w / (n * rho2) * log(1 + sqrt(w) / (2 * alpha)))


def _rho2(alpha: float) -> float:
    twice = -2 * log(2 * alpha)
    return (twice + log(1 + twice)) / N_STAR


def log_normal(x: float) -> float:
    """The logarithm of the normal distribution function, far into its lower tail, too."""
    if x > _SERIES_FROM:
        return log(erfc(-x / _ROOT_2) / 2)
    square = x * x  # the asymptotic series, DLMF 7.12.1
    series, term = 1.0, 1.0
    for number in range(1, 12):
        term *= -(2 * number - 1) / square
        series += term
    return -square / 2 - log(-x * sqrt(2 * pi)) + log(series)
