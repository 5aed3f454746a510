"""Budgets and alerts: what the operator wants to be told of usage."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from registry.policies.fields import Names, Number, Positive, Rule, Text
from registry.system import durations

MAX_RULES = 200  # budgets, and as many alerts: each is evaluated every minute
WEEK = 7 * 24 * 3600.0  # what a ratio compares with, in seconds
MINUTE = 60.0


def _window(text: str) -> str:
    if not MINUTE <= durations.parse(text).total_seconds() <= WEEK:
        raise ValueError("write a time from 1m to 7d")
    return text


Period = Literal["day", "week", "month"]
Metric = Literal["p95_ms", "ttft_p95_ms", "error_rate", "cost_per_call", "down_rate"]


class Budget(Rule):
    """What calls of an environment may cost in a period; of one prompt, route, segment or model, if named.

    Attributes:
        period: it begins at midnight UTC, on Monday, or on the first of the month.
        usd: what they may cost.
        at: the shares of it at which it is reported, once a period.
        notify: the targets; none: those whose events include it.
    """

    environment: Text
    prompt: Text | None = None
    route: Text | None = None
    segment: Text | None = None
    model: Text | None = None
    period: Period
    usd: Positive
    at: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1, max_length=10)] = (Decimal(1),)
    notify: Names = ()

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(later <= earlier for earlier, later in zip(self.at, self.at[1:], strict=False)):
            raise ValueError("at: write rising shares, such as [0.5, 0.8, 1.0]")
        return self


class Alert(Rule):
    """A metric that must not rise: above a value, or above so many times what it was before.

    Attributes:
        metric: `error_rate` is a share of the calls, `down_rate` of those rated up or down; `cost_per_call`
            is in US dollars.
        over: the time over which it is taken.
        above: the highest value that is not reported.
        ratio: the same, as a multiple of its value in the same hours of the seven days before.
        minimum: below so many calls (for `down_rate`: ratings) nothing is said.
    """

    environment: Text
    prompt: Text | None = None
    metric: Metric
    over: Annotated[str, AfterValidator(_window)] = "1h"
    above: Annotated[Number, Field(ge=0)] | None = None
    ratio: Annotated[Number, Field(gt=1)] | None = None
    minimum: Annotated[int, Field(ge=1)] = 200
    notify: Names = ()

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.above is None) == (self.ratio is None):
            raise ValueError("write above or ratio: one of both")
        return self
