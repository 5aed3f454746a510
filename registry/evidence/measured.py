"""Which units of a rollout are measured, and on which arm. Pure.

Of c canary buckets as many are measured as the smaller side has: m = min(c, 100000 - c), of the canary the
lowest m buckets, of control the highest m. So the canary's share of the measured is one half at every step,
and a unit that is measured at two steps is on the same arm at both.
"""

from __future__ import annotations

from typing import Literal

from promptstage.evaluation import BUCKETS

Arm = Literal["canary", "control"]
ARMS: tuple[Arm, Arm] = ("canary", "control")
_PER_PERCENT = BUCKETS // 100


def measured_buckets(percent: float) -> int:
    """Return how many buckets of each arm are measured; `percent` is the canary's share of users."""
    canary = round(percent * _PER_PERCENT)
    return min(canary, BUCKETS - canary)


def measured_arm(bucket: int, percent: float) -> Arm | None:
    """Return the arm on which a bucket is measured; None: it is not."""
    many = measured_buckets(percent)
    if bucket < many:
        return "canary"
    return "control" if bucket >= BUCKETS - many else None


def bucket_of(unit: str) -> int:
    """Return the bucket of a unit: 16 hexadecimal digits, the first eight bytes of the bucketing's hash."""
    return int(unit, 16) * BUCKETS >> 64
