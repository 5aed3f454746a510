"""Alerts: whether a metric is above its limit. Pure: what calls add up to in, an answer out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from registry.outcomes.rates import NANOS

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.policies.spending import Alert, Metric

BASELINE_DAYS = 7  # before, in the same hours, with which a ratio compares


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the calls of a time add up to; latencies in ms, None if no call has one."""

    calls: int = 0
    errors: int = 0
    nanos: int = 0
    unpriced: int = 0
    p95_ms: float | None = None
    ttft_p95_ms: float | None = None
    up: int = 0
    down: int = 0


class Value(NamedTuple):
    """The value of a metric, and how many calls or ratings it is of."""

    value: float
    number: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What an alert sees: ``few`` calls to tell anything, ``ok``, or ``high``, with the limit as a value."""

    state: Literal["few", "ok", "high"]
    value: float | None
    limit: float | None
    count: int


def _share(part: int, whole: int) -> Value | None:
    return Value(part / whole, whole) if whole else None


def _cost(sample: Sample) -> Value | None:
    priced = sample.calls - sample.unpriced
    return Value(sample.nanos / NANOS / priced, priced) if priced > 0 else None


METRICS: dict[Metric, Callable[[Sample], Value | None]] = {
    "p95_ms": lambda sample: None if sample.p95_ms is None else Value(sample.p95_ms, sample.calls),
    "ttft_p95_ms": lambda sample: (
        None if sample.ttft_p95_ms is None else Value(sample.ttft_p95_ms, sample.calls)
    ),
    "error_rate": lambda sample: _share(sample.errors, sample.calls),
    "cost_per_call": _cost,
    "down_rate": lambda sample: _share(sample.down, sample.up + sample.down),
}


def find(alert: Alert, now: Sample, before: Sample | None = None) -> Finding:
    """Return what an alert sees.

    Args:
        alert: the rule.
        now: the calls of the last `alert.over`.
        before: those of the same hours of the seven days before, for a ratio.
    """
    metric = METRICS[alert.metric]
    seen, base = metric(now), metric(before) if before else None
    limit = _limit(alert, base)
    if seen is None or seen.number < alert.minimum or limit is None:
        return Finding("few", seen and seen.value, limit, seen.number if seen else 0)
    return Finding("high" if seen.value > limit else "ok", seen.value, limit, seen.number)


def _limit(alert: Alert, base: Value | None) -> float | None:
    """Return the highest value that is not reported; None: too little is known of the days before."""
    if alert.above is not None:
        return float(alert.above)
    if base is None or alert.ratio is None or base.number < alert.minimum:
        return None
    return base.value * float(alert.ratio)
