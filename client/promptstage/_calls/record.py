"""The record of one call: its fields, as a log line has them, and what it is over the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from promptstage._calls.identity import hashed
from promptstage._calls.text import short
from promptstage.limits import CALL_LIST
from promptstage.requests.rendered import without_publisher

if TYPE_CHECKING:
    from promptstage._calls.answer import Answer
    from promptstage._calls.content import Content
    from promptstage.prompt import Prompt
    from promptstage.stamp import Stamp

    Json = dict[str, Any]

_OUTCOME = (
    "response_model", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd",
    "duration_ms", "ttft_ms", "error", "finish_reason", "format_error", "flags", "tool_calls",
)  # fmt: skip
_minute = (-1, "")


class Record:
    """What is known of one call.

    Attributes:
        fields: all but content and what stands for people; None where nobody said anything.
        id: a UUIDv7, whose time is the start.
        stamp: of the prompt.
        key: what decided on the version, as it was given.
        unit: of the rollout that the call is counted in.
        is_measured: whether it says something about a rollout's candidate.
        conversation: as it was given.
        content: what went in and came out.
    """

    __slots__ = ("content", "conversation", "fields", "id", "is_measured", "key", "stamp", "unit")

    def __init__(self, id: str) -> None:  # noqa: A002 - what it is called
        self.id = id
        self.fields: Json
        self.stamp: Stamp
        self.key: str | None = None
        self.unit: bytes | None = None
        self.is_measured = False
        self.conversation: str | None = None
        self.content: Content | None = None


def begin(prompt: Prompt) -> Json:
    """The fields of a call that has just begun: all that there are, and what is known of the prompt.

    A copy of what is made once for each prompt takes a tenth of the time.
    """
    made = prompt.facts
    if made is None:
        made = _fields_of(prompt)
        object.__setattr__(prompt, "facts", made)  # frozen for everyone else
    return made.copy()


def _fields_of(prompt: Prompt) -> Json:
    model, stamp = prompt.document.model, prompt.stamp
    return {
        "id": None,
        "at": None,
        "environment": None,
        "prompt": stamp.name,
        "version": stamp.version,
        "arm": stamp.arm,
        "reason": prompt.reason,
        "rollout": stamp.rollout,
        "seq": prompt.origin.seq if prompt.origin else None,
        "source": prompt.source,
        "model": short(without_publisher(model)),
        "provider": short(model.partition("/")[0]) if "/" in model else None,
        "parameters": prompt.document.parameters or None,
        **dict.fromkeys(_OUTCOME),
        "route": None,
        "segment": None,
        "contexts": None,
        "trace_id": None,
        "span_id": None,
        "sampled": False,
    }


def take(fields: Json, answer: Answer) -> None:
    """Take over what the responses say."""
    fields["response_model"] = answer.model
    if answer.provider is not None:
        fields["provider"] = answer.provider
    fields["input_tokens"] = answer.input_tokens
    fields["output_tokens"] = answer.output_tokens
    fields["cached_tokens"] = answer.cached_tokens
    fields["reasoning_tokens"] = answer.reasoning_tokens
    fields["cost_usd"] = answer.cost_usd
    if fields["finish_reason"] is None:
        fields["finish_reason"] = answer.finish_reason
    if answer.tools is not None:
        fields["tool_calls"] = _tool_calls(fields["tool_calls"] or [], answer.tools)


def _tool_calls(told: list[Json], asked: list[list[Any]]) -> list[Json]:
    """The tools that were called: those that the application told of, then those that the model asked for.

    The application says how one ended that the model asked for; it is one call, and stands there once.
    """
    if not told:
        return [{"name": name, "error": None} for name, _ in asked[:CALL_LIST]]
    open_calls = [call["name"] for call in told]
    listed = told.copy()
    for name, _ in asked:
        if name in open_calls:
            open_calls.remove(name)
        else:
            listed.append({"name": name, "error": None})
    return listed[:CALL_LIST]


def wire(record: Record) -> Json:
    """A record as the registry takes it, without its content."""
    return {
        **record.fields,
        "unit": record.unit and record.unit.hex(),
        "subject": hashed(record.key),
        "conversation": hashed(record.conversation),
    }


def start(record: Record) -> Json:
    """The start record of a call, which may be over by now: nothing of its outcome."""
    return {**wire(record), **dict.fromkeys(_OUTCOME), "sampled": False, "started": True}


def rfc3339(seconds: float) -> str:
    """A time as it stands in a record: in UTC, with milliseconds."""
    global _minute  # noqa: PLW0603 - the calls of a minute have most of the text in common
    milliseconds = int(seconds * 1000)
    minute, rest = divmod(milliseconds, 60_000)
    known, text = _minute
    if known != minute:
        text = datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M")
        _minute = minute, text
    return f"{text}:{rest // 1000:02d}.{rest % 1000:03d}Z"
