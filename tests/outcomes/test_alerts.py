"""Alerts, with plain numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from registry.outcomes.alerts import Finding, Sample, find
from registry.policies.spending import Alert


def alert(metric: Any, **limit: Any) -> Alert:
    """An alert of 100 calls or more."""
    decimals: Any = {name: Decimal(str(value)) for name, value in limit.items()}
    return Alert(environment="production", metric=metric, minimum=100, **decimals)


@pytest.mark.parametrize(
    ("rule", "sample", "finding"),
    [
        (alert("p95_ms", above=4000), Sample(calls=100, p95_ms=4000.0), ("ok", 4000, 4000, 100)),
        (alert("p95_ms", above=4000), Sample(calls=100, p95_ms=4001.0), ("high", 4001, 4000, 100)),
        (alert("p95_ms", above=4000), Sample(calls=99, p95_ms=9000.0), ("few", 9000, 4000, 99)),
        (alert("p95_ms", above=4000), Sample(calls=500), ("few", None, 4000, 0)),
        (alert("ttft_p95_ms", above=0), Sample(calls=100, ttft_p95_ms=1.0), ("high", 1, 0, 100)),
        (alert("error_rate", above=0.05), Sample(calls=200, errors=10), ("ok", 0.05, 0.05, 200)),
        (alert("error_rate", above=0.05), Sample(calls=200, errors=11), ("high", 0.055, 0.05, 200)),
        (
            alert("cost_per_call", above=0.01),
            Sample(calls=300, unpriced=100, nanos=4 * 10**9),
            ("high", 0.02, 0.01, 200),
        ),
        (alert("cost_per_call", above=0.01), Sample(calls=300, unpriced=300), ("few", None, 0.01, 0)),
        (alert("down_rate", above=0.2), Sample(calls=5000, up=70, down=30), ("high", 0.3, 0.2, 100)),
        (alert("down_rate", above=0.2), Sample(calls=5000, up=7, down=3), ("few", 0.3, 0.2, 10)),
    ],
)
def test_a_metric_above_its_limit(rule: Alert, sample: Sample, finding: tuple[Any, ...]) -> None:
    """Of enough calls, or ratings; exactly at the limit is not above it."""
    assert find(rule, sample) == Finding(*finding)


@pytest.mark.parametrize(
    ("now", "before", "state"),
    [
        (1300.0, Sample(calls=700, p95_ms=1000.0), "ok"),
        (1301.0, Sample(calls=700, p95_ms=1000.0), "high"),
        (9000.0, Sample(calls=99, p95_ms=1000.0), "few"),
        (9000.0, Sample(), "few"),
        (9000.0, None, "few"),
    ],
)
def test_a_ratio_compares_with_the_days_before(now: float, before: Sample | None, state: str) -> None:
    """If enough is known of them."""
    assert find(alert("p95_ms", ratio=1.3), Sample(calls=100, p95_ms=now), before).state == state
