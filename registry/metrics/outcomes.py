"""What calls add up to, as counters: those of the database of outcomes, which registries share.

Every registry shows the same numbers, so take the greatest of them, not their sum.
"""

from __future__ import annotations

import logging
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from registry.errors import RegistryError
from registry.notify import queue
from registry.outcomes import histogram
from registry.outcomes.rates import NANOS
from registry.outcomes.store import queue as reviews
from registry.outcomes.store import totals

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from prometheus_client import Metric

    from registry.outcomes.outcomes import Outcomes
    from registry.outcomes.store.queue import Waiting
    from registry.outcomes.store.totals import Total

LABELS = ["environment", "prompt", "version", "arm"]
SHOWN = 200  # of prompt, version and arm: those with the newest calls
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)
KINDS = ("input", "output", "cached", "reasoning")
MS = 1000
logger = logging.getLogger(__name__)


class OutcomeFacts(Collector):
    """Reads the database at each scrape, if anything was ever reported.

    Args:
        outcomes: what knows whether there is a database.
    """

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes

    def describe(self) -> Iterator[Metric]:
        """Describe nothing, as there may be nothing to read yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Look."""
        if not self._outcomes.is_there:
            return
        up = GaugeMetricFamily("promptstage_outcomes_up", "Whether reports of calls are taken in.")
        try:
            database = self._outcomes.database()
            found = database.read(lambda connection: totals.newest(connection, SHOWN))
            troubles = database.read(queue.troubles)
            waiting = database.read(reviews.waiting)
            full = self._outcomes.full()
        except RegistryError as error:
            logger.debug("The database of outcomes cannot be read: %s", error.message)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 0 if full else 1)
        yield up
        yield from _families(found)
        failing = GaugeMetricFamily(
            "promptstage_notifications_failing",
            "Messages that a target has not taken yet; absent: none.",
            labels=["target"],
        )
        for trouble in troubles:
            failing.add_metric([trouble.target], trouble.messages)
        yield failing
        yield _review(waiting)


def _review(found: list[Waiting]) -> Metric:
    family = GaugeMetricFamily(
        "promptstage_review_waiting", "Calls that wait for people; absent: none.", labels=["environment"]
    )
    for waiting in found:
        family.add_metric([waiting.environment], waiting.calls)
    return family


def _families(found: list[Total]) -> Iterator[Metric]:
    yield _counter("calls", "Calls to models that apps reported.", found, "calls")
    yield _counter("call_errors", "Calls that ended with an error.", found, "errors")
    yield _counter("calls_unpriced", "Calls whose cost is not known.", found, "unpriced")
    yield _counter("call_cost_dollars", "What calls cost, in US dollars.", found, "cost", NANOS)
    tokens = CounterMetricFamily(
        "promptstage_call_tokens",
        "Tokens of calls; those from a cache are part of the input, those of reasoning part of the output.",
        labels=[*LABELS, "kind"],
    )
    durations = HistogramMetricFamily(
        "promptstage_call_duration_seconds", "How long calls took, within 4 percent.", labels=LABELS
    )
    for total in found:
        for kind in KINDS:
            tokens.add_metric([*total[:4], kind], total.sums[kind])
        durations.add_metric(total[:4], *_buckets(total.durations))
    yield from (tokens, durations)


def _counter(name: str, text: str, found: list[Total], column: str, unit: int = 1) -> Metric:
    family = CounterMetricFamily(f"promptstage_{name}", text, labels=LABELS)
    for total in found:
        family.add_metric(total[:4], total.sums[column] / unit)
    return family


def _buckets(counts: Counter[int]) -> tuple[list[tuple[str, float]], float]:
    """Return a histogram of latencies in Prometheus' form: counts up to each bound, and the sum."""
    bounds = [histogram.bucket(seconds * MS) for seconds in SECONDS]
    within = [0] * (len(bounds) + 1)
    for index, count in counts.items():
        place = next((n for n, bound in enumerate(bounds) if index <= bound), len(bounds))
        within[place] += count
    names = [*map(str, map(float, SECONDS)), "+Inf"]
    total = sum(histogram.value(index) * count for index, count in counts.items()) / MS
    return list(zip(names, map(float, accumulate(within)), strict=True)), total
