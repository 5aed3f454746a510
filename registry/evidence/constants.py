"""What metrics are compared with: measured on arm `stable`, in the week before, and then frozen."""

from __future__ import annotations

import logging
import time
from math import ceil
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from registry.errors import RegistryError
from registry.evidence.counting import COST_MS
from registry.outcomes import histogram
from registry.outcomes.store import baseline
from registry.rollouts.guard import WINDOW, Constant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.outcomes.outcomes import Outcomes
    from registry.outcomes.store.baseline import Version
    from registry.outcomes.store.database import Connection
    from registry.rollouts.state import State

logger = logging.getLogger(__name__)

CALLS = 1000
"""Of a latency: fewer calls say too little of its p95."""

UNITS = 100
"""Of a cost."""

SAMPLE = 20_000
"""Calls that the cost is measured on, the newest: more would not make it better, only slower."""

LEAST_WINDOW, GREATEST_WINDOW = 10.0, 120.0
"""Seconds after its start in which a call counts: twice the p99 of stable, within these."""

CAP = 10
"""Times the p99 that a unit's cost counts for at most."""


def known(outcomes: Outcomes, state: State) -> dict[str, Constant]:
    """Return what is known of the stable version of a prompt; nothing, if the database does not answer."""
    if state.stable is None or not outcomes.is_there:
        return {}
    of = state.environment, state.prompt, state.stable.version
    now = time.time_ns() // 1_000_000
    try:
        return outcomes.database().read(lambda connection: measure(connection, of, now))
    except RegistryError as error:
        logger.warning("The guard's constants are not known yet: %s", error.message)
        return {}


def measure(connection: Connection, of: Version, now: int) -> dict[str, Constant]:
    """Return the constants that are known of a stable version.

    Args:
        connection: a transaction that reads.
        of: the environment, the prompt and the version.
        now: milliseconds since 1970.
    """
    found: dict[str, Constant] = {}
    durations, ttfts = baseline.latencies(connection, of, now)
    for name, counts in (("latency", durations), ("ttft", ttfts)):
        p95 = histogram.quantile(counts, 0.95)
        if sum(counts.values()) >= CALLS and p95 is not None:
            found[name] = Constant(value=round(p95, 3))
    p99 = histogram.quantile(durations, 0.99)
    if sum(durations.values()) >= CALLS and p99 is not None:
        seconds = min(max(2 * p99 / 1000, LEAST_WINDOW), GREATEST_WINDOW)
        found[WINDOW] = Constant(value=round(seconds, 3))
    costs = sorted(_by_unit(baseline.costs(connection, of, now, SAMPLE)))
    if len(costs) >= UNITS and any(costs):
        found["cost"] = _cost(costs)
    return found


def _by_unit(calls: Iterable[tuple[Any, ...]]) -> list[int]:
    """Return what each unit cost in its first hour, in micro-dollars; one with an unpriced call is left out.

    Without a rollout a call has no unit; its subject, which is the same person's, stands for it.
    """
    totals: dict[object, tuple[int, int]] = {}  # the first call, and nano-dollars
    unpriced: set[object] = set()
    for number, (at, subject, cost) in enumerate(sorted(calls, key=itemgetter(0))):
        unit: object = ("call", number) if subject is None else subject
        first, nanos = totals.get(unit, (at, 0))
        if at - first < COST_MS:
            totals[unit] = first, nanos + (cost or 0)
            unpriced |= {unit} if cost is None else set()
    return [round(nanos / 1000) for unit, (_, nanos) in totals.items() if unit not in unpriced]


def _cost(costs: list[int]) -> Constant:
    p99 = costs[min(len(costs) - 1, ceil(0.99 * len(costs)))]
    cap = max(CAP * p99, 1)
    mean = sum(min(cost, cap) for cost in costs) / len(costs)
    return Constant(value=round(mean, 3), cap=cap)
