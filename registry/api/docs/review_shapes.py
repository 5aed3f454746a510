"""The shapes of review, with an example of each, for the documentation alone."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from promptstage.model import Json
from registry.api.docs.outcome_shapes import ScoreOfCall  # noqa: TC001 - read at runtime
from registry.api.docs.shapes import Shape


class WaitingCall(Shape):
    """A call that waits for people."""

    call: str = Field(description="its id")
    prompt: str | None
    version: str | None
    queued_at: AwareDatetime
    because: list[Literal["down", "edited", "flag", "sample", "chosen"]] = Field(
        description="why it waits; a low score is not told"
    )
    skips: int
    claimed_by: str | None = Field(description="the name of the token that has it now")
    claimed_until: AwareDatetime | None


class Reviewed(BaseModel):
    """A call as people read it: as `GET calls/{call}?content=true`, without scores."""

    model_config = ConfigDict(extra="allow")

    id: str
    at: AwareDatetime
    feedback: list[Json]
    flags: list[str]


class Claimed(WaitingCall):
    """A call that was claimed, with its content."""

    content: Reviewed


class Skipped(WaitingCall):
    """A call that was skipped."""

    done: bool = Field(description="whether it left the queue, skipped for the third time")


class ShownLabel(Shape):
    """A person's label of a call."""

    call: str = Field(description="its id")
    prompt: str | None
    version: str | None
    verdict: Literal["good", "bad"]
    expected: JsonValue = Field(description="what the answer should have been")
    note: str | None
    tags: list[str]
    case: bool
    by: str = Field(description="the name of a token")
    at: AwareDatetime
    pulled_at: AwareDatetime | None = Field(description="when it became a case in git")
    case_id: str | None = Field(description="its id there")


class LabelWithContent(ShownLabel):
    """The same, with the content of its call if that was asked for."""

    model_config = ConfigDict(extra="allow")


class Labelled(Shape):
    """A label, and what judges said of the call."""

    label: ShownLabel
    scores: list[ScoreOfCall]


class ReviewPage(Shape):
    """A page of the queue, or of what is done."""

    data: list[WaitingCall | ShownLabel]
    open: int = Field(description="all that wait")
    next_cursor: str | None = Field(description="null: this was the last page")


class LabelPage(Shape):
    """A page of labels."""

    data: list[LabelWithContent]
    next_cursor: str | None = Field(description="null: this was the last page")


class Pulled(Shape):
    """The number of labels that were noted."""

    pulled: int


class Reserved(Shape):
    """The money held for a question, and what is left of the day."""

    id: str
    usd: float = Field(description="that is held")
    spent_usd: float = Field(description="of the day, by all judges")
    reserved_usd: float = Field(description="held for what is under way, or was cut off")
    left_usd: float | None = Field(description="null: there is no limit")


class ShownRate(Shape):
    """A share, and its interval of 95 %."""

    rate: float
    interval: tuple[float, float]


class Twice(Shape):
    """Calls that a judge judged twice."""

    pairs: int
    differ: int = Field(description="on how many it calls good what it called bad, or the other way round")
    rate: float | None
    interval: tuple[float, float] | None


class JudgeAgreement(Shape):
    """A judge, by one rubric, beside people."""

    name: str = Field(description="of its scores")
    judge: str = Field(description="the model")
    rubric: str | None = Field(description="its digest")
    labels: int = Field(description="of calls that it judged, too")
    needs: int = Field(description="so many labels more, before anything is said")
    chosen: int = Field(description="labels of calls that nothing queued, which say nothing of the others")
    worth: float | None = Field(description="how many labels of equal weight they are worth")
    agrees: ShownRate | None
    passes_bad: ShownRate | None = Field(description="of what people call bad, what it calls good")
    fails_good: ShownRate | None = Field(description="of what people call good, what it calls bad")
    says_good: ShownRate | None = Field(description="1: it never finds anything bad")
    kappa: float | None = Field(description="Cohen's: 0 says that it knows nothing")
    twice: Twice


class Agreements(Shape):
    """The judges of an environment beside people."""

    data: list[JudgeAgreement]


RUBRIC: Json = {
    "name": "helpful",
    "digest": "sha256:9b3c46d8c0b9a1f0a5d3e2c4b6a79881726354433221100ffeeddccbbaa99887",
    "model": None,
    "check": {
        "type": "llm-rubric",
        "value": "It answers the question.",
        "threshold": None,
        "negated": False,
        "name": "helpful",
    },
}
_CALL = "01a22a48-7c7e-77a6-be04-64309570d22b"
_WAITING: Json = {
    "call": _CALL,
    "prompt": "summarize",
    "version": "1.3.0",
    "queued_at": "2026-11-30T02:31:02.000Z",
    "because": ["down"],
    "skips": 0,
    "claimed_by": None,
    "claimed_until": None,
}
_CLAIMED: Json = {**_WAITING, "claimed_by": "ada", "claimed_until": "2026-11-30T09:41:00.000Z"}
_LABEL: Json = {
    "call": _CALL,
    "prompt": "summarize",
    "version": "1.3.0",
    "verdict": "bad",
    "expected": "A label goes out today.",
    "note": "It invents an order.",
    "tags": ["refund"],
    "case": True,
    "by": "ada",
    "at": "2026-11-30T09:33:10.000Z",
    "pulled_at": None,
    "case_id": None,
}
EXAMPLES: dict[str, Json] = {
    "Claimed": {
        **_CLAIMED,
        "content": {
            "id": _CALL,
            "at": "2026-11-30T02:28:44.158Z",
            "prompt": "summarize",
            "version": "1.3.0",
            "model": "gpt-5.4-mini",
            "sampled": True,
            "flags": [],
            "feedback": [
                {"kind": "down", "value": None, "at": "2026-11-30T02:31:02.000Z", "comment": "too long"}
            ],
            "variables": {"text": "Where is my parcel?"},
            "response": "Next: send a label.",
        },
    },
    "LabelPage": {"data": [_LABEL], "next_cursor": None},
    "Labelled": {
        "label": _LABEL,
        "scores": [{"name": "helpful", "value": 0.2, "judge": "gpt-5.4", "at": "2026-11-30T02:40:00.000Z"}],
    },
    "Pulled": {"pulled": 1},
    "Reserved": {
        "id": "8a0e...",
        "usd": 0.0041,
        "spent_usd": 1.2034,
        "reserved_usd": 0.0123,
        "left_usd": 3.7843,
    },
    "Agreements": {
        "data": [
            {
                "name": "helpful",
                "judge": "openai/gpt-5.4",
                "rubric": RUBRIC["digest"],
                "labels": 84,
                "needs": 0,
                "chosen": 2,
                "worth": 31.4,
                "agrees": {"rate": 0.91, "interval": [0.76, 0.97]},
                "passes_bad": {"rate": 0.2, "interval": [0.08, 0.42]},
                "fails_good": {"rate": 0.03, "interval": [0.006, 0.14]},
                "says_good": {"rate": 0.94, "interval": [0.8, 0.98]},
                "kappa": 0.71,
                "twice": {"pairs": 61, "differ": 2, "rate": 0.0328, "interval": [0.009, 0.112]},
            }
        ]
    },
    "ReviewPage": {"data": [_WAITING], "open": 1, "next_cursor": None},
    "Skipped": {**_WAITING, "skips": 1, "done": False},
}
