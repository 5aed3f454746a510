"""Usage for budgets and alerts, read from the database of outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.outcomes import budgets
from registry.outcomes.store import spending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from registry.outcomes.alerts import Sample
    from registry.outcomes.budgets import Spent
    from registry.outcomes.store.database import Database
    from registry.policies.spending import Budget

    Span = tuple[datetime, datetime]


class Spending:
    """What calls add up to, as budgets and alerts ask for it; any thread may use it.

    Args:
        opened: returns the database; raises Unavailable while there is none.
    """

    def __init__(self, opened: Callable[[], Database]) -> None:
        self._opened = opened

    def spent(self, budget: Budget, span: Span) -> Spent:
        """Return what calls of a budget cost that arrived in a span of days. Raises Unavailable."""
        scope = budgets.scope(budget)
        return self._opened().read(lambda connection: spending.spent(connection, scope, _seconds(span)))

    def sample(self, environment: str, prompt: str | None, spans: Sequence[Span]) -> Sample:
        """Return what the calls of some times add up to, together. Raises Unavailable."""
        scope = {"environment": environment, "prompt": prompt}
        seconds = [_seconds(span) for span in spans]
        return self._opened().read(lambda connection: spending.sample(connection, scope, seconds))


def _seconds(span: Span) -> tuple[float, float]:
    return span[0].timestamp(), span[1].timestamp()
