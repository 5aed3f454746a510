"""The shape of evidence, for the documentation alone."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from registry.api.docs.shapes import Shape


class EvidenceArm(Shape):
    """What one arm has of a metric, at a step."""

    units: int = Field(description="that have a value")
    bad: int = Field(default=0, description="of them, those with a bad event; absent of a mean")
    n: int = Field(default=0, description="of a mean: values")
    sum: int = Field(default=0, description="of a mean: their sum, in micro-dollars")
    squares: int = Field(default=0, description="of a mean: the sum of their squares")


class EvidenceStep(Shape):
    """Both arms at a step."""

    percent: float
    canary: EvidenceArm
    control: EvidenceArm


class EvidenceNeeds(Shape):
    """What a metric lacks to be decided, if it goes on as it did."""

    events: int = Field(description="bad events, or units of a mean")
    eta: str = Field(default="", description="ISO 8601, such as PT3H")


class EvidenceMetric(Shape):
    """What is said of one metric."""

    name: str
    steps: list[EvidenceStep]
    e: float = Field(description="the evidence of harm; at most 1e300")
    threshold: float = Field(description="at which it is harm: metrics / alpha")
    p: float = Field(description="always valid: 1 / the greatest e so far, at most 1")
    ratio: float | None = Field(default=None, description="canary's rate of bad units by control's")
    difference: float | None = Field(default=None, description="of the means, in micro-dollars")
    interval: list[float | None] = Field(description="that may be looked at at any time; null: no bound")
    needs: EvidenceNeeds | None


class Exposed(Shape):
    """The units that began a measured call at a step."""

    percent: float
    canary: int
    control: int


class EvidenceWaiting(Shape):
    """What a step waits for whose hold is over."""

    for_: Literal["sample", "data", "srm", "database", "person"] = Field(alias="for")
    needs: int = Field(default=0, description="units that the smaller arm lacks")
    eta: str = Field(default="", description="ISO 8601, such as PT3H")


class EvidenceOverTime(Shape):
    """The evidence of harm as it grew: a unit's bad event stands at the unit's first call."""

    times: list[float] = Field(description="seconds since 1970")
    e: dict[str, list[float]] = Field(description="by metric, at each time")


class Evidence(Shape):
    """What the measured calls of a rollout say about its candidate."""

    prompt: str
    environment: str
    rollout: str
    candidate: str
    stable: str | None
    guard: dict[str, Any] | None
    verdict: Literal["off", "harm", "srm", "no_data", "safe", "collecting"]
    harm: list[str] = Field(description="metrics that do harm and that nobody acknowledged")
    metrics: list[EvidenceMetric]
    exposed: list[Exposed]
    misassigned: int = Field(description="calls that claim a version, arm or unit that is not theirs")
    tokens: dict[str, int] = Field(description="calls by the id of the token that sent them")
    newest_call: AwareDatetime | None
    waiting: EvidenceWaiting | None
    recounted: dict[str, dict[str, EvidenceArm]] | None = Field(
        default_factory=dict,
        description="with `recount`: by metric and arm, added up again from all units; null 30 days after "
        "the rollout's end, when they are gone",
    )
    by: list[dict[str, Any]] = Field(
        default_factory=list,
        description="with `by`: of each segment or model the calls and errors of `canary` and `control`; "
        "these are calls, not units, and nothing is judged by them",
    )
    over_time: EvidenceOverTime | None = Field(
        default=None, description="with `over_time`: of the metrics that are ratios; null: no unit is kept"
    )


EXAMPLE: dict[str, Any] = {
    "prompt": "summarize",
    "environment": "production",
    "rollout": "r-4c9eac175ba7",
    "candidate": "1.3.0",
    "stable": "1.2.0",
    "guard": None,
    "verdict": "off",
    "harm": [],
    "metrics": [
        {
            "name": "errors",
            "steps": [
                {
                    "percent": 5,
                    "canary": {"units": 412, "bad": 12},
                    "control": {"units": 405, "bad": 4},
                }
            ],
            "e": 2.314,
            "threshold": 60.0,
            "p": 0.43,
            "ratio": 3.0,
            "interval": [0.68, 14.2],
            "needs": {"events": 63, "eta": "PT9H"},
        }
    ],
    "exposed": [{"percent": 5, "canary": 412, "control": 405}],
    "misassigned": 0,
    "tokens": {"3f9a0c11d2e4": 1904},
    "newest_call": "2026-05-04T12:00:00.000Z",
    "waiting": None,
}
