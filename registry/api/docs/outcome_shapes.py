"""The shapes of what apps report and of what is read of it, for the documentation alone."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from promptstage.model import Json
from registry.api.docs.shapes import Shape


class ToolCall(Shape):
    """A tool that the model asked for."""

    name: str
    error: str | None = Field(default=None, description="what its run ended with")


class Record(BaseModel):
    """A call, or the start of one. What is not known is null or left out, and never 0."""

    id: str = Field(description="a UUIDv7, which counts once")
    at: AwareDatetime = Field(description="its start; at most a day from the time in `id`")
    environment: str | None = None
    prompt: str | None = None
    version: str | None = None
    arm: str | None = None
    reason: str | None = None
    rollout: str | None = None
    seq: int | None = Field(default=None, description="of the release that decided")
    unit: str | None = Field(default=None, description="16 hexadecimal digits, the `u` of the bucketing")
    subject: str | None = Field(default=None, description="of the key: 16 hexadecimal digits of its SHA-256")
    source: str | None = None
    model: str | None = None
    response_model: str | None = None
    provider: str | None = None
    parameters: Json | None = None
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    cached_tokens: int | None = Field(default=None, ge=0, description="of the input tokens")
    reasoning_tokens: int | None = Field(default=None, ge=0, description="of the output tokens")
    cost_usd: float | None = Field(default=None, ge=0)
    duration_ms: float | None = Field(default=None, ge=0)
    ttft_ms: float | None = Field(default=None, ge=0, description="until the first token")
    error: str | None = Field(default=None, description="the class of the error")
    finish_reason: str | None = None
    format_error: bool | None = None
    flags: list[str] | None = None
    route: str | None = None
    segment: str | None = None
    contexts: list[str] | None = None
    tool_calls: list[ToolCall] | None = None
    conversation: str | None = Field(default=None, description="16 hexadecimal digits of its SHA-256")
    trace_id: str | None = None
    span_id: str | None = None
    response_id: str | None = None
    sampled: bool | None = None
    variables: Any = None
    placeholders: Any = None
    messages: Any = None
    response: Any = None
    started: bool = Field(default=False, description="whether this says only that the call began")


class Calls(BaseModel):
    """A batch of calls."""

    batch: str = Field(description="a UUID, the same one when this is sent again")
    calls: list[Record] = Field(max_length=2000)


class Feedback(BaseModel):
    """What a person signalled about a call: a kind, or a number."""

    call: str = Field(description="its id")
    kind: Literal["up", "down", "edited", "accepted", "regenerated"] | None = None
    value: float | None = Field(default=None, ge=0, le=1)
    comment: str | None = None


class Score(BaseModel):
    """What a judge says of a call."""

    call: str = Field(description="its id")
    name: str
    value: float = Field(ge=0, le=1)
    judge: str | None = None
    rubric: str | None = None
    comment: str | None = None


class Resolution(BaseModel):
    """A conversation that is done."""

    conversation: str = Field(description="itself, or the first 16 hexadecimal digits of its SHA-256")
    ok: bool


class RefusedRecord(Shape):
    """A record that was not taken in."""

    index: int
    detail: str


class Taken(Shape):
    """What was taken in of a body."""

    accepted: int
    refused: list[RefusedRecord]
    sample: float | None = Field(
        default=None, description="of calls: the share whose content the registry keeps"
    )


class FeedbackOfCall(Shape):
    """Feedback on a call."""

    kind: str
    value: float | None
    at: AwareDatetime


class ScoreOfCall(Shape):
    """A score of a call."""

    name: str
    value: float
    judge: str | None
    at: AwareDatetime


class Call(BaseModel):
    """A call as it is kept; what is not known is left out."""

    model_config = ConfigDict(extra="allow")

    id: str
    at: AwareDatetime
    arrived_at: AwareDatetime
    environment: str
    cost_usd: float | None
    conversation: str | None = Field(description="hashed again with a key of the registry's own")
    ended: bool = Field(description="whether its outcome is known")
    via: Literal["client", "otlp"]
    sampled: bool = Field(description="whether its content is kept")
    erased: bool
    feedback: list[FeedbackOfCall]
    scores: list[ScoreOfCall]
    flags: list[str]


class CallPage(Shape):
    """A page of calls."""

    data: list[Call]
    next_cursor: str | None = Field(description="null: this was the last page")


class Claims(Shape):
    """Calls that were claimed, each with its content."""

    data: list[Call]
    lease: str
    rubrics: dict[str, Json] = Field(description="by digest: what the calls are judged by")


class Erased(Shape):
    """What was erased."""

    calls: int
    cases: list[str] = Field(description="the labelled cases that hold them, which lie in git")


class UsageRow(BaseModel):
    """What calls of one period add up to; the dimensions that were asked for stand in it, too."""

    model_config = ConfigDict(extra="allow")

    period: AwareDatetime = Field(description="its start, from which on calls are summed up")
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: float | None
    unpriced: int = Field(description="calls whose cost is not known")
    p50_ms: float | None
    p95_ms: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    feedback: Json
    resolutions: int | None = Field(description="of which no minute is known: null")
    cost_per_resolution: float | None
    prices: dict[str, int] = Field(description="calls by where their price is from")


class Usage(Shape):
    """A page of usage."""

    data: list[UsageRow]
    next_cursor: str | None = Field(description="null: this was the last page")
    totals: list[UsageRow] | None = Field(
        default=None, description="with `totals=true`: the rows over all periods"
    )


class ShownBudget(Shape):
    """A budget in its present period."""

    environment: str
    prompt: str | None = Field(description="null: of all; the same for route, segment and model")
    route: str | None
    segment: str | None
    model: str | None
    period: Literal["day", "week", "month"] = Field(description="of UTC")
    start: AwareDatetime
    end: AwareDatetime
    usd: float = Field(description="what it allows")
    spent_usd: float
    share: float = Field(description="what is spent of it, of one")
    at: list[float] = Field(description="the shares that are reported")
    reached: float | None = Field(description="the highest of them that was")
    calls: int
    unpriced: int = Field(description="calls whose cost is not known")


class Budgets(Shape):
    """The budgets of an environment."""

    data: list[ShownBudget]


class ShownAlert(Shape):
    """An alert, and what it sees."""

    environment: str
    prompt: str | None = Field(description="null: of all")
    metric: Literal["p95_ms", "ttft_p95_ms", "error_rate", "cost_per_call", "down_rate"]
    over: str = Field(description="the time that it looks at, up to now")
    above: float | None
    ratio: float | None = Field(description="to the same hours of the seven days before")
    minimum: int = Field(description="calls, or ratings, below which it says nothing")
    state: Literal["ok", "high", "few"]
    value: float | None
    limit: float | None
    count: int = Field(description="calls, or ratings")
    firing_since: AwareDatetime | None


class Alerts(Shape):
    """The alerts of an environment."""

    data: list[ShownAlert]
