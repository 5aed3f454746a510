"""Budgets, with plain numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from registry.outcomes.budgets import Spent, Standing, period
from registry.policies.spending import Budget, Period

DOLLAR = 10**9


def at(text: str) -> datetime:
    """A time, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "now", "start", "end"),
    [
        ("day", "2026-11-30T02:00:00", "2026-11-30", "2026-12-01"),
        ("day", "2026-11-30T00:00:00", "2026-11-30", "2026-12-01"),
        ("week", "2026-11-30T02:00:00", "2026-11-30", "2026-12-07"),  # a Monday
        ("week", "2026-11-29T23:59:59", "2026-11-23", "2026-11-30"),
        ("month", "2026-02-28T12:00:00", "2026-02-01", "2026-03-01"),
        ("month", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
    ],
)
def test_a_period_begins_at_midnight_utc(kind: Period, now: str, start: str, end: str) -> None:
    """On Monday, or on the first of the month."""
    assert period(kind, at(now)) == (at(start), at(end))


def standing(usd: float, calls: int = 100, unpriced: int = 0) -> Standing:
    """A budget of 50 dollars a day, of which so much is spent."""
    budget = Budget(
        environment="production",
        period="day",
        usd=Decimal(50),
        at=(Decimal("0.5"), Decimal("0.8"), Decimal("1.0")),
    )
    spent = Spent(round(usd * DOLLAR), calls, unpriced)
    return Standing(budget, at("2026-11-30"), at("2026-12-01"), spent)


@pytest.mark.parametrize(
    ("usd", "told", "news"),
    [
        (24.99, [], []),
        (25, [], ["0.5"]),
        (25, ["0.5"], []),
        (39.999999999, ["0.5"], []),
        (40, ["0.5"], ["0.8"]),
        (60, [], ["1.0"]),
        (60, ["1.0"], []),
        (30, ["0.8"], []),
        (200, ["0.5", "0.8", "1.0"], []),
    ],
)
def test_a_share_is_told_once(usd: float, told: list[str], news: list[str]) -> None:
    """The highest of those that were reached since; a corrected sum that fell tells nothing again."""
    assert standing(usd).news(told) == news


@pytest.mark.parametrize(
    ("calls", "unpriced", "told", "news"),
    [
        (100, 5, [], []),
        (100, 6, [], ["unpriced"]),
        (100, 6, ["unpriced"], []),
        (19, 19, [], []),
        (20, 2, ["0.5"], ["unpriced"]),
    ],
)
def test_missing_prices_are_told(calls: int, unpriced: int, told: list[str], news: list[str]) -> None:
    """Over 5 % of the calls, once there are 20: the sum is too small then, whatever it is."""
    assert standing(0, calls, unpriced).news(told) == news


def test_what_the_api_shows() -> None:
    """Amounts are dollars, shares are of one."""
    assert standing(41.5, 10, 1).to_json() == {
        "environment": "production",
        "prompt": None,
        "route": None,
        "segment": None,
        "model": None,
        "period": "day",
        "start": "2026-11-30T00:00:00Z",
        "end": "2026-12-01T00:00:00Z",
        "usd": 50.0,
        "spent_usd": 41.5,
        "share": 0.83,
        "at": [0.5, 0.8, 1.0],
        "reached": 0.8,
        "calls": 10,
        "unpriced": 1,
    }
