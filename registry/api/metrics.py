"""What can be measured from outside, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

if TYPE_CHECKING:
    from registry.rollouts.replica import Replica


class Metrics:
    """The service's own numbers, in a registry of their own so that two apps in one process stay apart."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.resolutions = Counter(
            "promptstage_resolutions",
            "Answers of /resolve",
            ["environment", "reason"],
            registry=self.registry,
        )
        self.changes = Counter(
            "promptstage_changes", "Acknowledged changes", ["environment", "op"], registry=self.registry
        )
        self.head = Gauge(
            "promptstage_journal_seq", "The newest change this process knows", registry=self.registry
        )
        self.streams = Gauge("promptstage_stream_clients", "Open streams", registry=self.registry)
        self.redis = Gauge(
            "promptstage_redis_up", "Whether Redis is reached and up to date", registry=self.registry
        )
        self.writable = Gauge(
            "promptstage_journal_writable", "Whether changes are accepted", registry=self.registry
        )
        self.percent = Gauge(
            "promptstage_rollout_percent", "Share of users", ["environment", "prompt"], registry=self.registry
        )

    def render(self, replica: Replica, streams: int) -> bytes:
        """Look at the service, and write the numbers in Prometheus' text format."""
        self.head.set(replica.view.head[1])
        self.streams.set(streams)
        self.redis.set(replica.board_problem is None)
        self.writable.set(replica.problem is None)
        self.percent.clear()
        for state in replica.view.states():
            if state.rollout:
                self.percent.labels(state.environment, state.prompt).set(state.rollout.percent)
        return generate_latest(self.registry)
