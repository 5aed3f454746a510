"""What a guard may be told: in the operator's file, and in the body of a start.

    [environments.production.guard]
    metrics = ["errors", "latency"]
    on_harm = "rollback"    # or "pause", or "notify"

What is left out has a default. Each value is checked here, wherever it comes from.
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

TOLERANCES = {  # by metric: of a ratio the greatest that is tolerated; of `cost` the rise, as a share
    "errors": 1.0,
    "latency": 1.2,
    "ttft": 1.2,
    "format": 1.0,
    "feedback": 1.0,
    "judge": 1.0,
    "cost": 0.05,
}
FLAG = "flag:"
FLAG_TOLERANCE = 1.0
MEANS = ("cost",)  # the metrics that compare means; all others compare rates of bad events

MAX_NAMES = 20  # metrics: each one more makes all of them slower, as harm is called at M / alpha; or tokens
MAX_TEXT = 200
LEAST_ALPHA, GREATEST_ALPHA = 0.0001, 0.2
GREATEST_RATIO = 10.0
GREATEST_RISE = 10.0  # of a mean: to eleven times of what it was
MAX_UNITS = 10_000_000
MAX_WAIT = 1000.0

_FLAG = re.compile(r"flag:[^\x00-\x20\x7f]{1,64}")


def _metric(name: object) -> object:
    if isinstance(name, str) and (name in TOLERANCES or _FLAG.fullmatch(name)):
        return name
    raise ValueError(f"{name!r:.80} is no metric; there are {', '.join(TOLERANCES)} and flag:NAME")


def _number(value: object) -> object:
    """Take a number of JSON, or of TOML, which is read as a decimal."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not isfinite(value):
        raise ValueError("write a number, such as 0.5")
    return float(value)


JUDGE_NEEDED = 'the metric judge needs the scores that count, such as {"name": "helpful"}'
MetricName = Annotated[str, BeforeValidator(_metric)]
Number = Annotated[float, BeforeValidator(_number)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
OnHarm = Literal["notify", "pause", "rollback"]
OnNoData = Literal["hold", "ignore"]
OnSmall = Literal["hold", "advance"]


class Judge(BaseModel):
    """The scores that count for the metric `judge`; others of the same call do not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text = Field(description="the score's name")
    rubric: Text | None = Field(default=None, description="the digest of the rubric; absent: any")
    model: Text | None = Field(default=None, description="the judge; absent: any")


class GuardOptions(BaseModel):
    """The rules by which a rollout is judged; what is absent is as the environment has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metrics: tuple[MetricName, ...] | None = Field(
        default=None,
        description=f"of {', '.join(TOLERANCES)} and flag:NAME; the default is errors",
    )
    on_harm: OnHarm | None = Field(
        default=None, description="what harm does; the default is rollback. A step never advances on harm"
    )
    on_no_data: OnNoData | None = Field(
        default=None, description="whether a metric without data holds a step; the default is hold"
    )
    on_small: OnSmall | None = Field(
        default=None, description="what too few units do after `max_wait`; the default is hold"
    )
    alpha: Annotated[Number, Field(ge=LEAST_ALPHA, le=GREATEST_ALPHA)] | None = Field(
        default=None,
        description="how often a candidate that is no worse may be called harmful; the default is 0.05",
    )
    minimum: Annotated[int, Field(strict=True, ge=1, le=MAX_UNITS)] | None = Field(
        default=None, description="units of each arm before a step may advance by itself; the default is 100"
    )
    max_wait: Annotated[Number, Field(ge=1, le=MAX_WAIT)] | None = Field(
        default=None,
        description="how many times the step's hold it waits for them; the default is 3",
    )
    tolerance: dict[str, Number] | None = Field(
        default=None,
        max_length=MAX_NAMES,
        description="by metric: the ratio of bad events that is tolerated, 1 to 10; of cost the rise, 0-10",
    )
    tokens: tuple[Text, ...] | None = Field(
        default=None,
        description="the ids or names of the tokens whose reports count; the default is all",
    )
    judge: Judge | None = Field(default=None, description="the scores of the metric `judge`, which needs it")

    @field_validator("metrics", "tokens")
    @classmethod
    def _each_once(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if values is None:
            return None
        if not 1 <= len(values) <= MAX_NAMES:  # here, as a bad name would be one too few as well
            raise ValueError(f"write 1 to {MAX_NAMES} names")
        if twice := next((one for one in values if values.count(one) > 1), None):
            raise ValueError(f"{twice} is there twice")
        return values

    @field_validator("tolerance")
    @classmethod
    def _tolerable(cls, values: dict[str, float] | None) -> dict[str, float] | None:
        for name, value in (values or {}).items():
            _metric(name)
            low, high = (0.0, GREATEST_RISE) if name in MEANS else (1.0, GREATEST_RATIO)
            if not low <= value <= high:
                raise ValueError(f"of {name} write a number from {low:g} to {high:g}, not {value:g}")
        return values

    def given(self) -> dict[str, Any]:
        """What is said of the guard, without what is left out."""
        said = {name: getattr(self, name) for name in GuardOptions.model_fields}
        return {name: value for name, value in said.items() if value is not None}


class GuardRules(GuardOptions):
    """An environment's guard: a start has it unless it says no, which `required` forbids."""

    required: Annotated[bool, Field(strict=True)] = False
    default: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="after")
    def _judge_is_known(self) -> GuardRules:
        if "judge" in (self.metrics or ()) and self.judge is None:
            raise ValueError(f"judge: {JUDGE_NEEDED}")
        return self
