"""Queue what is to be said of budgets and alerts. What was said is noted in the same transaction."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from registry.notify import event, post, queue
from registry.outcomes import alerts, budgets
from registry.system import durations, timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from registry.outcomes.alerts import Finding, Sample
    from registry.outcomes.budgets import Spent, Standing
    from registry.outcomes.store.database import Connection, Database
    from registry.policies.rule_set import Rules
    from registry.policies.spending import Alert, Budget

    Span = tuple[datetime, datetime]

IDENTITY = 16  # hexadecimal digits


class Usage(Protocol):
    """What calls add up to, as budgets and alerts ask for it."""

    def spent(self, budget: Budget, span: Span) -> Spent:
        """Return what calls of a budget cost that arrived in a time. Raises Unavailable."""

    def sample(self, environment: str, prompt: str | None, spans: Sequence[Span]) -> Sample:
        """Return what the calls of some times add up to, together. Raises Unavailable."""


class SpendingWatch:
    """The budgets and alerts of the operator's file."""

    every = 60.0  # seconds

    def __init__(self, rules: Rules, usage: Usage) -> None:
        self._rules = rules
        self._usage = usage

    def standings(self, now: datetime, environment: str | None = None) -> list[Standing]:
        """Return the budgets in their present periods. Raises Unavailable."""
        return [self._standing(each, now) for each in _of(self._rules.budgets, environment)]

    def findings(self, now: datetime, environment: str | None = None) -> list[tuple[Alert, Finding]]:
        """Return what the alerts see. Raises Unavailable."""
        return [(each, self._find(each, now)) for each in _of(self._rules.alerts, environment)]

    def firing(
        self, opened: Callable[[], Database], now: datetime, environment: str
    ) -> list[tuple[Alert, Finding, float | None]]:
        """Return what the alerts see, and since when they fire, in seconds. Raises Unavailable."""
        found = self.findings(now, environment)
        noted = opened().read(lambda connection: queue.states(connection, "alert:")) if found else {}
        return [(alert, seen, noted.get(f"alert:{identity(alert)}")) for alert, seen in found]

    def look(self, database: Database, now: datetime) -> None:
        """Queue what is new. Raises Unavailable."""
        standings, findings = self.standings(now), self.findings(now)

        def work(connection: Connection) -> None:
            for standing in standings:
                self._tell_budget(connection, standing, now)
            for alert, finding in findings:
                self._tell_alert(connection, alert, finding, now)

        if standings or findings:
            database.write(work)

    def _standing(self, budget: Budget, now: datetime) -> Standing:
        span = budgets.period(budget.period, now)
        return budgets.Standing(budget, *span, self._usage.spent(budget, span))

    def _find(self, alert: Alert, now: datetime) -> Finding:
        over = durations.parse(alert.over)
        recent = (now - over, now)
        seen = self._usage.sample(alert.environment, alert.prompt, [recent])
        if alert.ratio is None:
            return alerts.find(alert, seen)
        days = (timedelta(days=n) for n in range(1, alerts.BASELINE_DAYS + 1))
        spans = [(recent[0] - day, recent[1] - day) for day in days]
        return alerts.find(alert, seen, self._usage.sample(alert.environment, alert.prompt, spans))

    def _tell_budget(self, connection: Connection, standing: Standing, now: datetime) -> None:
        name = identity(standing.budget)
        noted = f"budget:{name}:{standing.start:%Y%m%d}"
        told = queue.state(connection, noted) or []
        news = standing.news(told)
        for each in news:
            made = event.of_budget(standing, name, each, now)
            post.put_for(connection, self._rules.notify, standing.budget.notify, made, now.timestamp())
        if news:
            queue.drop_states(connection, f"budget:{name}:")  # of earlier periods, too
            queue.note(connection, {noted: told + news}, now.timestamp())

    def _tell_alert(self, connection: Connection, alert: Alert, finding: Finding, now: datetime) -> None:
        name = identity(alert)
        firing = queue.state(connection, f"alert:{name}")
        if (finding.state == "high") == (firing is not None):
            return
        since = None if firing is None else datetime.fromtimestamp(firing, UTC)
        made = event.of_alert(alert, name, finding, now, since)
        post.put_for(connection, self._rules.notify, alert.notify, made, now.timestamp())
        moment = int(now.timestamp()) if since is None else None
        queue.note(connection, {f"alert:{name}": moment}, now.timestamp())


def shown(alert: Alert, finding: Finding, firing: float | None) -> dict[str, Any]:
    """Return the API's form of an alert, and of what it sees."""
    since = None if firing is None else timestamps.rfc3339(datetime.fromtimestamp(firing, UTC))
    return {
        "environment": alert.environment,
        "prompt": alert.prompt,
        "metric": alert.metric,
        "over": alert.over,
        "above": None if alert.above is None else float(alert.above),
        "ratio": None if alert.ratio is None else float(alert.ratio),
        "minimum": alert.minimum,
        "state": finding.state,
        "value": finding.value,
        "limit": finding.limit,
        "count": finding.count,
        "firing_since": since,
    }


def identity(rule: Budget | Alert) -> str:
    """Return what a rule is known by: another one has other numbers, not other targets."""
    told = rule.model_dump_json(exclude={"notify", "at"})
    return hashlib.sha256(told.encode()).hexdigest()[:IDENTITY]


def _of(rules: Iterable[Any], environment: str | None) -> list[Any]:
    return [rule for rule in rules if environment is None or rule.environment == environment]
