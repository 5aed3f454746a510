"""The service's metrics for Prometheus.

There are two kinds. Events (requests, changes, streams) are counted where they happen; several workers count
into files of one folder, and the one that is scraped adds them up. Facts (states, the head, ages) are the
same in every worker, so they are read at each scrape: see `registry.metrics.facts`.

A label never holds a caller's own text: routes are templates, environments are configured, and prompts are
named only while they are in a rollout.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from promptstage.evaluation import PINNED, SPLIT, STATIC, TARGETING_MATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from prometheus_client.registry import Collector

    from registry.journal.change import Change

ANSWER_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
CHANGE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # a commit is some 20 ms on a good disk
EXPORTED = ("call", "span", "feedback", "chosen", "rejected")
REASONS = (STATIC, SPLIT, TARGETING_MATCH, PINNED)


class Metrics:
    """The service's metrics, in their own collector registry so that two apps in one process stay apart."""

    def __init__(
        self, environments: Iterable[str], facts: Iterable[Collector], folder: Path | None = None
    ) -> None:
        """Start at zero.

        Args:
            environments: the configured ones; their series exist from the start.
            facts: read at every scrape.
            folder: the workers' common folder (PROMETHEUS_MULTIPROC_DIR, which must be set before
                prometheus_client is imported); None: this process is the only one.
        """
        self._folder = folder
        self._registry = CollectorRegistry()
        counted = CollectorRegistry() if folder else self._registry  # files are read instead of memory
        self.requests = Counter(
            "promptstage_http_requests",
            "Answered requests, by the route's template.",
            ["method", "route", "status"],
            registry=counted,
        )
        self.answer_seconds = Histogram(
            "promptstage_http_request_duration_seconds",
            "Time until an answer starts; for a stream the time to its first byte.",
            ["method", "route"],
            buckets=ANSWER_BUCKETS,
            registry=counted,
        )
        self.streams = Gauge(
            "promptstage_stream_clients", "Open streams.", multiprocess_mode="livesum", registry=counted
        )
        self.resolutions = Counter(
            "promptstage_resolutions",
            "Decisions that the registry made for a caller of /resolve.",
            ["environment", "reason"],
            registry=counted,
        )
        self._changes = Counter(
            "promptstage_changes",
            "Acknowledged changes; a repeated request is not one.",
            ["environment", "op"],
            registry=counted,
        )
        self._change_seconds = Histogram(
            "promptstage_change_duration_seconds",
            "Time from the request of a change until it is durable and announced.",
            ["op"],
            buckets=CHANGE_BUCKETS,
            registry=counted,
        )
        self._exported = Counter(
            "promptstage_otlp_entries",
            "What OTLP requests held: calls, other spans, feedback, names of tools, and what was rejected.",
            ["kind"],
            registry=counted,
        )
        for kind in EXPORTED:
            self._exported.labels(kind)
        for environment in environments:
            for reason in REASONS:  # a rate needs the zero before the first one
                self.resolutions.labels(environment, reason)
        self._collect(facts)
        # The library looks up a series by all of its labels at each call, which costs more than counting.
        # There are as many as there are routes and environments.
        self._answers = cache(self._find_answers)
        self._reasons = cache(self.resolutions.labels)

    def _collect(self, facts: Iterable[Collector]) -> None:
        if self._folder:
            MultiProcessCollector(self._registry, str(self._folder))  # type: ignore[no-untyped-call]
        else:
            ProcessCollector(registry=self._registry)  # of one worker among many it would mean nothing
        for each in facts:
            self._registry.register(each)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer that started so many seconds after its request."""
        answers, durations = self._answers(method, route, status)
        answers.inc()
        durations.observe(seconds)

    def _find_answers(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self.requests.labels(method, route, status), self.answer_seconds.labels(method, route)

    def exported(self, counts: Mapping[str, int]) -> None:
        """Count what an OTLP request held."""
        for kind, n in counts.items():
            self._exported.labels(kind).inc(n)

    def resolved(self, environment: str, reason: str) -> None:
        """Count a decision."""
        self._reasons(environment, reason).inc()

    def changed(self, change: Change, seconds: float) -> None:
        """Count a change that was acknowledged after so many seconds."""
        if change.state is not None:
            self._changes.labels(change.state.environment, change.op).inc()
            self._change_seconds.labels(change.op).observe(seconds)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        if self._folder:
            _forget_dead_workers(self._folder)
        return generate_latest(self._registry)


def _forget_dead_workers(folder: Path) -> None:
    """Remove the gauges of killed workers; their counters still count."""
    for file in folder.glob("gauge_live*_*.db"):
        if not _alive(int(file.stem.rpartition("_")[2])):
            file.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
