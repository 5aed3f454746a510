"""The clocks that ages, pauses and deadlines are measured with.

Partials, so that libraries that freeze the time of a test by replacing `time.monotonic` and `time.time`
leave them alone: a pause that began in 2030 and ends in 2026 would last four years.
"""

from __future__ import annotations

import time
from functools import partial

if hasattr(time, "clock_gettime"):
    # Linux stops CLOCK_MONOTONIC while the machine sleeps, and what is held ages all the same.
    # macOS has no CLOCK_BOOTTIME, and does not stop its CLOCK_MONOTONIC.
    uptime = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
else:  # Windows
    uptime = partial(time.monotonic)

wall = partial(time.time)


class Freshness:
    """The registry's last confirmation, on the monotonic clock; shared by all that rests on it."""

    __slots__ = ("at",)

    def __init__(self, age: float = 0.0) -> None:
        self.at = uptime() - age

    @property
    def age(self) -> float:
        """Seconds since then."""
        return uptime() - self.at
