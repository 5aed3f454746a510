"""Facts read at each scrape, as metrics: every worker gives the same answer."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from math import inf
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from registry.catalog.catalog import Catalog
    from registry.replication.mirror_worker import MirrorWorker
    from registry.replication.read_model import ReadModel
    from registry.replication.replica import Replica


class Facts(Collector):
    """Reads the catalog and the states at each scrape."""

    def __init__(self, catalog: Catalog, replica: Replica, mirroring: MirrorWorker) -> None:
        self._catalog = catalog
        self._replica = replica
        self._mirroring = mirroring

    def describe(self) -> Iterator[Metric]:
        """Describe nothing, as there may be nothing to read yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Look."""
        yield InfoMetricFamily(
            "promptstage_build", "The version that runs.", {"version": version("promptstage-registry")}
        )
        yield from self._repository()
        yield from self._stores()
        yield from self._mirror()
        yield from _rollouts(self._replica.read_model)

    def _repository(self) -> Iterator[Metric]:
        report, age = self._catalog.mirror.report(), self._catalog.mirror.seconds_since_sync()
        yield _gauge(
            "sync_age_seconds",
            "Since the prompt repository was last read without an error; +Inf: never.",
            inf if age is None else age,
        )
        yield _gauge("sync_error", "Whether the last read of the repository failed.", bool(report["error"]))
        yield _gauge(
            "moved_tags", "Tags that were moved; the registry keeps the first ones.", report["moved_count"]
        )
        yield _gauge("ignored_refs", "Tags that do not name a version.", self._catalog.ignored())
        versions = GaugeMetricFamily("promptstage_versions", "Versions, by status.", labels=["status"])
        for status, count in self._catalog.statuses().items():
            versions.add_metric([status], count)
        yield versions

    def _stores(self) -> Iterator[Metric]:
        replica = self._replica
        yield _gauge("journal_seq", "The newest change known here.", replica.read_model.head[1])
        trouble = replica.problem or replica.unwritten
        yield _gauge("journal_writable", "Whether changes are accepted, as far as known.", trouble is None)
        yield _gauge("redis_up", "Whether Redis is reached and up to date.", replica.redis_problem is None)

    def _mirror(self) -> Iterator[Metric]:
        """Yield nothing if the journal has no mirror."""
        if lag := self._mirroring.lag():
            name = "journal_mirror_lag"
            yield _gauge(f"{name}_changes", "Changes that the journal's mirror lacks.", lag.changes)
            yield _gauge(f"{name}_seconds", "The age of the oldest of them; 0: there is none.", lag.seconds)
            yield _gauge("journal_mirror_error", "Whether the last push failed.", bool(lag.status.error))


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"promptstage_{name}", help_text, value=value)


def _rollouts(read_model: ReadModel) -> Iterator[Metric]:
    def family(name: str, help_text: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"promptstage_rollout_{name}", help_text, labels=["environment", "prompt"])

    percent = family("percent", "The candidate's share of users, in an active rollout.")
    step = family("step", "The current step, from 0.")
    paused = family("paused", "Whether the rollout is paused.")
    due = family("next_step_timestamp_seconds", "When the next step starts by itself; absent: never.")
    facts = GaugeMetricFamily(
        "promptstage_rollout_info",
        "What an active rollout is about, to join with the metrics of its prompt; always 1.",
        labels=["environment", "prompt", "rollout", "stable", "candidate"],
    )
    states = read_model.under_way()
    for state in states:
        if (rollout := state.rollout) is None:
            continue
        place = (state.environment, state.prompt)
        facts.add_metric([*place, rollout.id, state.stable_version or "", rollout.candidate.version], 1)
        percent.add_metric(place, rollout.percent)
        step.add_metric(place, rollout.step)
        paused.add_metric(place, rollout.state == "paused")
        if rollout.advances_at:
            due.add_metric(place, rollout.advances_at.timestamp())
    yield from (percent, step, paused, due, facts)
    waiting = Counter(state.environment for state in states if state.awaiting_approval)
    requests = GaugeMetricFamily(
        "promptstage_awaiting_approval", "Starts and promotes that await approval.", labels=["environment"]
    )
    for environment in read_model.environments():
        requests.add_metric([environment], waiting[environment])
    yield requests
