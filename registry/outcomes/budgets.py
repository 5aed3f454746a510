"""Budgets: what of each is spent, and what is to be said of it. Pure: sums and a time in, an answer out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from registry.outcomes.rates import NANOS
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Collection

    from registry.policies.spending import Budget, Period

UNPRICED = Decimal("0.05")  # the share of calls without a price from which the sum says too little
FEW = 20  # calls of which one without a price is such a share
TELLS_UNPRICED = "unpriced"


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls of a budget's scope cost in a period."""

    nanos: int = 0
    calls: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget in one of its periods."""

    budget: Budget
    start: datetime
    end: datetime
    spent: Spent

    @property
    def usd(self) -> Decimal:
        """What was spent, in US dollars."""
        return Decimal(self.spent.nanos) / NANOS

    @property
    def share(self) -> Decimal:
        """What was spent of it: 1 is all."""
        return self.usd / self.budget.usd

    @property
    def reached(self) -> Decimal | None:
        """The highest of the budget's shares that was reached."""
        return max((share for share in self.budget.at if share <= self.share), default=None)

    @property
    def is_unpriced(self) -> bool:
        """Whether too many of its calls have no price for the sum to be trusted."""
        return self.spent.calls >= FEW and self.spent.unpriced > self.spent.calls * UNPRICED

    def news(self, told: Collection[str]) -> list[str]:
        """Return what is to be said: the highest share newly reached, and whether prices are missing.

        Args:
            told: what was said in this period; what this returned before.
        """
        known = [Decimal(text) for text in told if text != TELLS_UNPRICED]
        reached = self.reached
        new = [str(reached)] if reached is not None and reached > max(known, default=Decimal(0)) else []
        return new + ([TELLS_UNPRICED] if self.is_unpriced and TELLS_UNPRICED not in told else [])

    def to_json(self) -> dict[str, Any]:
        """Return the API's form."""
        reached = self.reached
        return {
            **scope(self.budget),
            "period": self.budget.period,
            "start": timestamps.rfc3339(self.start),
            "end": timestamps.rfc3339(self.end),
            "usd": float(self.budget.usd),
            "spent_usd": float(self.usd),
            "share": round(float(self.share), 4),
            "at": [float(share) for share in self.budget.at],
            "reached": None if reached is None else float(reached),
            "calls": self.spent.calls,
            "unpriced": self.spent.unpriced,
        }


def scope(budget: Budget) -> dict[str, str | None]:
    """Return which calls count."""
    return {
        "environment": budget.environment,
        "prompt": budget.prompt,
        "route": budget.route,
        "segment": budget.segment,
        "model": budget.model,
    }


def period(kind: Period, now: datetime) -> tuple[datetime, datetime]:
    """Return the beginning and the end of the period that a time is in; the time is in UTC."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        return day, day + timedelta(days=1)
    if kind == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)
