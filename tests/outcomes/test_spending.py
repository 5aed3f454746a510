"""What budgets and alerts read: costs by arrival, and what the calls of some times add up to."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from outcomes_in import DAY_MS, HOUR_MS, now, record

from registry.outcomes.alerts import Sample
from registry.outcomes.budgets import Spent, period
from registry.outcomes.spending import Spending
from registry.outcomes.store import fold, spending, totals
from registry.policies.spending import Budget

if TYPE_CHECKING:
    from outcomes_in import Desk

MINUTE = 60_000
LEFT = "select (select count(*) from arrivals), (select count(*) from totals)"


def of(**scope: Any) -> Budget:
    """A budget of calls in production."""
    return Budget(environment="production", period="day", usd=Decimal(10), **scope)


def spent(desk: Desk, days_ago: int = 0, **scope: Any) -> Spent:
    """What such calls cost that arrived on a day."""
    budget = of(**scope)
    span = period("day", datetime.now(UTC) - timedelta(days=days_ago))
    return Spending(lambda: desk.store.main).spent(budget, span)


def sample(desk: Desk, *minutes: tuple[float, float], prompt: str | None = None) -> Sample:
    """What calls of some times add up to, in minutes before now."""
    at = datetime.now(UTC)
    spans = [(at - timedelta(minutes=since), at - timedelta(minutes=until)) for since, until in minutes]
    return Spending(lambda: desk.store.main).sample("production", prompt, spans)


def test_a_budget_counts_what_arrived(desk: Desk) -> None:
    """Today, however long ago the calls were made; what has no price is counted apart."""
    desk.send(record(cost_usd=0.25), record(at=now() - 5 * DAY_MS, cost_usd=0.5))
    desk.send(record(cost_usd=None), record(cost_usd=9.0), environment="staging")
    desk.send(record(cost_usd=None))
    desk.fold()

    assert spent(desk) == Spent(750_000_000, 3, 1)
    assert spent(desk, days_ago=1) == Spent(0, 0, 0)


def test_a_budget_is_of_what_it_names(desk: Desk) -> None:
    """All of it must be so."""
    desk.send(
        record(cost_usd=1.0, route="a", segment="free"),
        record(cost_usd=2.0, route="b", segment="free"),
        record(cost_usd=4.0, prompt="triage", model="other", route="a"),
    )
    desk.fold()

    scopes: dict[str, Any] = {
        "all": {},
        "prompt": {"prompt": "summarize"},
        "route": {"route": "a"},
        "both": {"route": "a", "segment": "free"},
        "model": {"model": "other"},
        "none": {"route": "c"},
    }
    sums = {name: spent(desk, **scope).nanos // 10**9 for name, scope in scopes.items()}
    assert sums == {"all": 7, "prompt": 3, "route": 5, "both": 1, "model": 4, "none": 0}


def test_a_second_sight_corrects_the_day_of_the_first(desk: Desk) -> None:
    """By the difference: nothing is counted twice."""
    call = record(cost_usd=None)
    desk.send(call)
    desk.fold()
    before = spent(desk)
    desk.send({**call, "cost_usd": 0.125})
    desk.fold()

    assert (before, spent(desk)) == (Spent(0, 1, 1), Spent(125_000_000, 1, 0))


def test_a_short_time_is_exact(desk: Desk) -> None:
    """To the call; its cost, errors and latencies, of one prompt or of all."""
    made: dict[int, Any] = {
        5: {"duration_ms": 100.0, "ttft_ms": 10.0},
        20: {"duration_ms": 900.0, "error": "Timeout", "cost_usd": 0.5},
        25: {"duration_ms": 100.0, "prompt": "triage", "cost_usd": None},
        35: {"duration_ms": 5000.0},
    }
    for minutes, fields in made.items():
        desk.send(record(at=now() - minutes * MINUTE, **fields))
    desk.fold()

    found = sample(desk, (30, 0), prompt="summarize")
    assert (found.calls, found.errors, found.nanos, found.unpriced) == (2, 1, 501_000_000, 0)
    assert found.p95_ms == pytest.approx(100, rel=0.05)
    assert found.ttft_p95_ms == pytest.approx(10, rel=0.02)
    assert (sample(desk, (30, 0)).calls, sample(desk, (30, 0)).unpriced) == (3, 1)
    assert sample(desk, (30, 10)).calls == 2


def test_many_calls_are_summed_from_hours(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading each would take too long; then it is whole hours."""
    desk.send(record(at=now()), record(at=now()))
    desk.fold()
    time.sleep(0.1)
    exact = sample(desk, (0.0001, 0)).calls
    monkeypatch.setattr(spending, "EXACT_CALLS", 1)

    assert (exact, sample(desk, (0.0001, 0)).calls) == (0, 2)


def test_several_times_add_up(desk: Desk) -> None:
    """As the days before an alert do: latencies are joined, not averaged."""
    for day in range(1, 8):
        desk.send(record(at=now() - day * DAY_MS, duration_ms=100.0 * day))
    desk.fold()
    spans = [(day * 24 * 60 + 60.0, day * 24 * 60.0) for day in range(1, 8)]

    # A report that is older than a day is booked a day before it came, so all are in the first.
    found = sample(desk, *spans)
    assert found.calls == 7
    assert found.p95_ms == pytest.approx(600, rel=0.03)


def test_ratings_are_counted(desk: Desk) -> None:
    """Up and down alone."""
    calls = [record() for _ in range(4)]
    desk.send(*calls)
    for call, kind in zip(calls, ("up", "down", "down", "edited"), strict=True):
        desk.say(fold.FEEDBACK, {"call": call["id"], "kind": kind})
    desk.fold()

    found = sample(desk, (60, 0))
    assert (found.up, found.down) == (1, 2)


def test_without_calls_nothing_is_known(desk: Desk) -> None:
    """Not even a latency of zero."""
    assert sample(desk, (60, 0)) == Sample()
    assert sample(desk, (600, 0)) == Sample()
    assert spent(desk) == Spent()


def test_totals_are_those_of_all_time(desk: Desk) -> None:
    """By prompt, version and arm; corrected, never counted twice, and the newest come first."""
    call = record(duration_ms=None)
    desk.send(call, record(version="1.3.0", arm="canary", error="Timeout"), record(at=now() - HOUR_MS))
    desk.fold()
    desk.send({**call, "duration_ms": 250.0}, record(prompt="nobody", version=None, arm=None))
    desk.fold()
    found = {each[:4]: each for each in desk.store.main.read(lambda connection: totals.newest(connection, 9))}

    stable = found["production", "summarize", "1.2.0", "stable"]
    assert (stable.sums["calls"], stable.sums["input"], stable.sums["cost"]) == (2, 200, 2_000_000)
    assert sum(stable.durations.values()) == 2
    assert found["production", "summarize", "1.3.0", "canary"].sums["errors"] == 1
    assert ("production", "unknown", "unknown", "unknown") in found
    assert len(desk.store.main.read(lambda connection: totals.newest(connection, 2))) == 2


def test_what_no_budget_and_no_metric_needs_is_deleted(desk: Desk) -> None:
    """A month and one before it are kept, and versions that were called within a quarter of a year."""
    desk.send(record(cost_usd=1.0))
    desk.fold()
    for days, kept in ((61, (1, 1)), (64, (0, 1)), (91, (0, 0))):
        desk.retain(now() + days * DAY_MS)
        (left,) = desk.store.main.read(lambda connection: connection.fetch(LEFT))
        assert left == kept, days


def test_models_without_a_price_are_named(desk: Desk) -> None:
    """Those with the most calls first, of all environments."""
    desk.send(record(), *(record(cost_usd=None, model="ours") for _ in range(3)))
    desk.send(record(cost_usd=None, model=None), environment="staging")
    desk.fold()
    today = datetime.now(UTC).timestamp()
    spent, models = desk.store.main.read(lambda connection: spending.unpriced(connection, today))

    assert (spent.calls, spent.unpriced, models) == (5, 4, [("ours", 3), ("unknown", 1)])
    tomorrow = desk.store.main.read(lambda connection: spending.unpriced(connection, today + 86_400))
    assert tomorrow == (Spent(), [])
