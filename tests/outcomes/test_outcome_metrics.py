"""What Prometheus is told of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from outcomes_in import record
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from registry.errors import Unavailable
from registry.metrics import outcomes
from registry.metrics.outcomes import OutcomeFacts
from registry.notify import queue
from registry.outcomes.store import inbox

if TYPE_CHECKING:
    from outcomes_in import Desk

PLACE = {"environment": "production", "prompt": "summarize", "version": "1.2.0", "arm": "stable"}


def samples(desk: Desk) -> dict[tuple[str, frozenset[str]], float]:
    """What a scrape sees: by name and the values of labels other than those of one place."""
    registry = CollectorRegistry()
    registry.register(OutcomeFacts(desk.outcomes))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name.removeprefix("promptstage_"), frozenset(sample.labels.values()) - set(PLACE.values())): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def test_counters_of_calls(desk: Desk) -> None:
    """Their cost in dollars, tokens by kind, and durations in seconds."""
    desk.send(
        record(duration_ms=80.0, cost_usd=0.25, cached_tokens=40),
        record(duration_ms=800.0, cost_usd=None, error="Timeout", output_tokens=5),
        record(duration_ms=200_000.0, cost_usd=0.5),
    )
    desk.fold()
    seen = samples(desk)

    def value(name: str, *labels: str) -> float:
        return seen[name, frozenset(labels)]

    assert (value("calls_total"), value("call_errors_total"), value("calls_unpriced_total")) == (3, 1, 1)
    assert value("call_cost_dollars_total") == 0.75
    assert [value("call_tokens_total", kind) for kind in ("input", "output", "cached", "reasoning")] == [
        300, 25, 40, 0,
    ]  # fmt: skip
    within = [
        value("call_duration_seconds_bucket", bound) for bound in ("0.1", "0.5", "1.0", "120.0", "+Inf")
    ]
    assert within == [1, 1, 2, 2, 3]
    assert value("call_duration_seconds_count") == 3
    assert value("call_duration_seconds_sum") == pytest.approx(200.88, rel=0.02)
    assert value("outcomes_up") == 1


def test_the_newest_are_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many versions there were: the number of series is bounded."""
    monkeypatch.setattr(outcomes, "SHOWN", 2)
    for number in range(4):
        desk.send(record(version=f"1.{number}.0"))
        desk.fold()
    shown = {labels for name, labels in samples(desk) if name == "calls_total"}

    assert len(shown) == 2
    assert frozenset({"1.3.0"}) in shown


def test_targets_that_fail(desk: Desk) -> None:
    """How many messages each has not taken; others are not there."""
    message = queue.Message("a", "test", "{}")
    desk.send(record())
    desk.fold()
    desk.store.main.write(lambda connection: queue.put(connection, "ops", [message], 1.0))
    before = samples(desk)
    waiting = desk.store.main.read(lambda connection: queue.next_due(connection, "ops", 2.0))
    assert waiting
    desk.store.main.write(lambda connection: queue.failed(connection, waiting, "it answered 500", 9.0, 2.0))

    assert ("notifications_failing", frozenset({"ops"})) not in before
    assert samples(desk)["notifications_failing", frozenset({"ops"})] == 1


def test_a_database_that_is_down(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what is said, and the scrape succeeds."""
    desk.send(record())

    def fail() -> None:
        raise Unavailable("down")

    monkeypatch.setattr(desk.outcomes, "database", fail)
    assert samples(desk) == {("outcomes_up", frozenset()): 0}


def test_reports_that_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database answers, and takes nothing in; what was counted is shown all the same."""
    desk.send(record())
    desk.fold()
    monkeypatch.setattr(inbox, "MAX_ROWS", 0)
    seen = samples(desk)

    assert (seen["outcomes_up", frozenset()], seen["calls_total", frozenset()]) == (0, 1)


def test_calls_that_wait_for_review(desk: Desk) -> None:
    """By environment; none, and there is no line."""
    desk.send(record())
    desk.fold()
    assert ("review_waiting", frozenset()) not in samples(desk)
    desk.share = 1.0
    disliked = record(response="x")
    desk.send(disliked)
    desk.say("feedback", {"call": disliked["id"], "kind": "down"})
    desk.fold()

    assert samples(desk)["review_waiting", frozenset()] == 1
