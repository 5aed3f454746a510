"""Budgets and alerts are queued once, and an alert again when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from notify.story import AT
from notify.test_journal_watch import queued

from registry.notify.spending_watch import SpendingWatch
from registry.outcomes.alerts import Sample
from registry.outcomes.budgets import Spent
from registry.policies.rule_set import Rules
from registry.policies.spending import Alert, Budget
from registry.policies.targets import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.outcomes.store.database import Database

SLACK = Target(url_file=Path("x"), format="slack")
QUIET = Target(url_file=Path("y"), format="slack", events=("rollout.*",))
BUDGET = Budget(environment="production", period="day", usd=Decimal(10), at=(Decimal("0.5"), Decimal(1)))
ALERT = Alert(environment="production", metric="p95_ms", above=Decimal(100), minimum=1)
RATIO = Alert(environment="production", prompt="a", metric="p95_ms", over="2h", ratio=Decimal(2), minimum=1)


class Usage:
    """What calls add up to, as a test says."""

    def __init__(self) -> None:
        self.usd = 0.0
        self.p95 = 50.0
        self.asked: list[Sequence[tuple[datetime, datetime]]] = []

    def spent(self, budget: Budget, span: tuple[datetime, datetime]) -> Spent:
        """Of any budget."""
        assert (budget, span) == (BUDGET, (span[0], span[0] + timedelta(days=1)))
        return Spent(round(self.usd * 10**9), 10, 0)

    def sample(
        self, environment: str, prompt: str | None, spans: Sequence[tuple[datetime, datetime]]
    ) -> Sample:
        """Of any time."""
        assert (environment, prompt) in {("production", None), ("production", "a")}
        self.asked.append(spans)
        return Sample(calls=5, p95_ms=self.p95)


def test_a_budget_is_told_once_by_whoever_looks(database: Database) -> None:
    """At each of its shares, and again in the next period."""
    usage = Usage()
    rules = Rules(budgets=(BUDGET,), notify={"ops": SLACK, "quiet": QUIET})
    for usd, at in ((4, AT), (5, AT), (6, AT), (12, AT), (5, AT + timedelta(days=1))):
        usage.usd = usd
        for _ in range(2):
            SpendingWatch(rules, usage).look(database, at)

    days = [(identifier.split("_")[2], identifier.split("_")[3]) for identifier in queued(database, "ops")]
    assert days == [("20261130", "0-5"), ("20261130", "1"), ("20261201", "0-5")]
    assert queued(database, "quiet") == []


def test_a_rule_names_its_targets(database: Database) -> None:
    """Then only they are told, whatever they want else."""
    usage = Usage()
    usage.usd = 20
    named = BUDGET.model_copy(update={"notify": ("quiet",)})
    usage.spent = lambda budget, span: Spent(20 * 10**9, 1, 0)  # type: ignore[method-assign]
    SpendingWatch(Rules(budgets=(named,), notify={"ops": SLACK, "quiet": QUIET}), usage).look(database, AT)

    assert (queued(database, "ops"), len(queued(database, "quiet"))) == ([], 1)


def test_an_alert_fires_once_and_resolves(database: Database) -> None:
    """And fires again the next time."""
    usage = Usage()
    rules = Rules(alerts=(ALERT,), notify={"ops": SLACK})
    for minute, p95 in enumerate((50, 150, 160, 150, 90, 80, 200)):
        usage.p95 = p95
        SpendingWatch(rules, usage).look(database, AT + timedelta(minutes=minute))

    kinds = [identifier.rpartition("_")[0].rpartition("_")[0] for identifier in queued(database, "ops")]
    moments = [
        int(identifier.rpartition("_")[2]) - int(AT.timestamp()) for identifier in queued(database, "ops")
    ]
    assert kinds == ["alert_firing", "alert_resolved", "alert_firing"]
    assert moments == [60, 60, 360]


def test_a_ratio_asks_for_the_same_hours_of_seven_days(database: Database) -> None:
    """Together, and never for the hours that it judges."""
    usage = Usage()
    SpendingWatch(Rules(alerts=(RATIO,)), usage).look(database, AT)

    recent, before = usage.asked
    assert recent == [(AT - timedelta(hours=2), AT)]
    assert before == [(AT - timedelta(days=n, hours=2), AT - timedelta(days=n)) for n in range(1, 8)]


def test_without_rules_nothing_is_asked_or_written(database: Database) -> None:
    """A registry without budgets and alerts pays nothing."""
    usage = Usage()
    SpendingWatch(Rules(notify={"ops": SLACK}), usage).look(database, AT)

    assert usage.asked == []
