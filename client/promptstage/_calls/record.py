"""The record of one call: as it is kept, as a log line has it, and as it goes over the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from promptstage._calls.answer import Answer
from promptstage._calls.identity import hashed
from promptstage._calls.text import short
from promptstage.limits import CALL_LIST
from promptstage.requests.rendered import without_publisher

if TYPE_CHECKING:
    from promptstage._calls.content import Content
    from promptstage.prompt import Prompt

    Json = dict[str, Any]


_OUTCOME = (
    "response_model", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd",
    "duration_ms", "ttft_ms", "error", "finish_reason", "format_error", "flags", "tool_calls",
)  # fmt: skip
_minute = (-1, "")
_SILENT = Answer()


class Record:
    """What is known of one call. A field that nobody said anything about is None.

    Attributes:
        prompt: the version that it was made with.
        id: a UUIDv7, whose time is the start.
        at: the start, in seconds since 1970.
        environment: what the prompt was served in.
        key: what decided on the version, as it was given.
        unit: of the rollout that the call is counted in.
        conversation: as it was given.
        route, segment, contexts: what the application says of the call.
        trace_id, span_id: of the OpenTelemetry span around it.
        is_measured: whether it says something about a rollout's candidate.
        is_sampled: whether its content is asked for.
        answer: what the responses say.
        tool_calls: name and error of each tool that was called; what the application says comes first.
        flags: bad events that the application names.
        format_error: whether the answer is no JSON though the prompt asks for it.
        duration: seconds until its end; None: it has only started.
        to_first_token: seconds until the first piece of a streamed answer.
        error: the class of the error that it ended with.
        finish_reason: why it ended, if not for the reason that the response gives.
        content: what went in and came out.
    """

    __slots__ = (
        "answer", "at", "content", "contexts", "conversation", "duration", "environment", "error",
        "finish_reason", "flags", "format_error", "id", "is_measured", "is_sampled", "key", "prompt", "route",
        "segment", "span_id", "to_first_token", "tool_calls", "trace_id", "unit",
    )  # fmt: skip

    def __init__(self, id: str, at: float) -> None:  # noqa: A002 - what it is called
        self.id = id
        self.at = at
        self.prompt: Prompt
        self.environment: str
        self.key: str | None = None
        self.unit: bytes | None = None
        self.conversation: str | None = None
        self.route: str | None = None
        self.segment: str | None = None
        self.contexts: list[str] | None = None
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.is_measured = self.is_sampled = False
        self.answer: Answer | None = None
        self.tool_calls: list[tuple[str, str | None]] | None = None
        self.flags: list[str] | None = None
        self.format_error: bool | None = None
        self.duration: float | None = None
        self.to_first_token: float | None = None
        self.error: str | None = None
        self.finish_reason: str | None = None
        self.content: Content | None = None


def facts(record: Record) -> Json:
    """The fields of a record that hold no content and nothing that stands for a person."""
    prompt, answer = record.prompt, record.answer or _SILENT
    return {
        **(prompt.facts or _facts_of(prompt)),
        "id": record.id,
        "at": rfc3339(record.at),
        "environment": record.environment,
        "response_model": answer.model,
        "provider": answer.provider or (prompt.facts or {}).get("provider"),
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "cached_tokens": answer.cached_tokens,
        "reasoning_tokens": answer.reasoning_tokens,
        "cost_usd": answer.cost_usd,
        "duration_ms": _milliseconds(record.duration),
        "ttft_ms": _milliseconds(record.to_first_token),
        "error": record.error,
        "finish_reason": record.finish_reason or answer.finish_reason,
        "format_error": record.format_error,
        "flags": record.flags,
        "route": record.route,
        "segment": record.segment,
        "contexts": record.contexts,
        "tool_calls": _tool_calls(record.tool_calls, answer.tools),
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "sampled": record.is_sampled,
    }


def _facts_of(prompt: Prompt) -> Json:
    """What every record of a prompt says of it, made once."""
    model, stamp = prompt.document.model, prompt.stamp
    made = {
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
    }
    object.__setattr__(prompt, "facts", made)  # frozen for everyone else
    return made


def wire(record: Record) -> Json:
    """A record as the registry takes it, without its content."""
    identity = {
        "unit": record.unit and record.unit.hex(),
        "subject": hashed(record.key),
        "conversation": hashed(record.conversation),
    }
    return facts(record) | identity


def start(record: Record) -> Json:
    """The start record of a call, which may be over by now: nothing of its outcome."""
    return wire(record) | dict.fromkeys(_OUTCOME) | {"sampled": False, "started": True}


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


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _tool_calls(
    told: list[tuple[str, str | None]] | None, asked: list[list[Any]] | None
) -> list[Json] | None:
    """The tools that were called: those that the application told of, then those that the model asked for.

    The application says how one ended that the model asked for; it is one call, and stands there once.
    """
    if not told:
        return None if asked is None else [{"name": name, "error": None} for name, _ in asked[:CALL_LIST]]
    open_calls = [name for name, _ in told]
    listed: list[Json] = [{"name": name, "error": error} for name, error in told]
    for name, _ in asked or ():
        if name in open_calls:
            open_calls.remove(name)
        else:
            listed.append({"name": name, "error": None})
    return listed[:CALL_LIST]
