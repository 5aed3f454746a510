"""A span as it is kept until its trace is settled: compact, without content, without plain identities."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Which prompt a span says was at work."""

    name: str
    version: str
    arm: str | None = None
    rollout: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one span says of its call. Unknown is None.

    Attributes:
        tool_calls: names; empty is "none".
        conversation, subject: hashes, as the client makes them.
        client_call: the id of the client's own record of the call.
    """

    model: str | None = None
    response_model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    duration_ms: float | None = None
    ttft_ms: float | None = None
    error: str | None = None
    finish_reason: str | None = None
    tool_calls: tuple[str, ...] | None = None
    conversation: str | None = None
    subject: str | None = None
    response_id: str | None = None
    client_call: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A span as it is kept until its trace is settled: a link of the trace, and perhaps a call.

    Attributes:
        start, end: nanoseconds since 1970; 0 for unknown.
        prompt: what it says itself.
        said: None if it is no call.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    scope: str = ""
    start: int = 0
    end: int = 0
    prompt: Prompt | None = None
    said: Said | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON, without what is unknown."""
        found = _known(self)
        if self.prompt:
            found["prompt"] = _known(self.prompt)
        if self.said:
            found["said"] = _known(self.said)
        return found

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Observation:
        """Return what `to_json` wrote."""
        prompt, said = stored.get("prompt"), stored.get("said")
        if said is not None and said.get("tool_calls") is not None:
            said = said | {"tool_calls": tuple(said["tool_calls"])}
        return cls(
            **stored
            | {
                "prompt": None if prompt is None else Prompt(**prompt),
                "said": None if said is None else Said(**said),
            }
        )


def _known(kept: Prompt | Said | Observation) -> dict[str, Any]:
    names, values = _FIELDS[type(kept)]
    pairs = zip(names, values(kept), strict=True)
    return {name: value for name, value in pairs if value is not None and value != ""}


def _getter(kind: type[Any]) -> tuple[tuple[str, ...], attrgetter[Any]]:
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)


_FIELDS = {kind: _getter(kind) for kind in (Prompt, Said, Observation)}
