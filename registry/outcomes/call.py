"""A call to a model, normalized: the one form in which every report of one goes on, whatever it came in.

Unknown is None, never 0. What is not of its type or out of bounds refuses the record, with the field and
what it takes; longer text is cut, and what no terminal or database could hold in it is escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from registry.system.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = Callable[[Any], Any]

MAX_TEXT = 64  # characters of every text field
MAX_NAME = 200  # of a prompt's name, which a catalog may hold
MAX_LIST = 32  # flags, contexts and tool calls of one call
MAX_COUNT = 10**12  # tokens of one call; a sum of a million such calls is still a 64-bit integer
MAX_USD = 1_000_000
MAX_MS = 10**9  # eleven days
DAY_MS = 86_400_000
SEQ_BITS = 63
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Refused(ValueError):
    """A record that is not taken in; the message names the field, and says what it takes."""


class ToolCall(NamedTuple):
    """A tool that the model asked for; `error`: what its run ended with, None if nothing is known."""

    name: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call, or the start of one.

    Attributes:
        id: a UUIDv7. Its time is the call's start, and says on which day the call is kept.
        at: the start, in milliseconds since 1970, UTC; at most a day from the time in `id`.
        unit: 16 hexadecimal digits, the `u` of the bucketing; verifiable in a client's record alone.
        subject: of the key, the first 16 hexadecimal digits of its SHA-256.
        conversation: the same of the conversation.
        parameters: of the model, a JSON object.
        cost_usd: as the sender priced it; None: to be priced here.
        error: the class of the error; None: there was none.
        tool_calls: () means that there were none, None that it is not known.
        sampled: whether the sender chose it for content.
        variables, placeholders, messages, response: its content, any JSON.
        started: whether this says only that the call began.
        via: where it comes from.
        response_id: the provider's name of the answer.
    """

    id: str
    at: int
    environment: str | None = None
    prompt: str | None = None
    version: str | None = None
    arm: str | None = None
    reason: str | None = None
    rollout: str | None = None
    seq: int | None = None
    unit: str | None = None
    subject: str | None = None
    source: str | None = None
    model: str | None = None
    response_model: str | None = None
    provider: str | None = None
    parameters: Mapping[str, Any] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    duration_ms: float | None = None
    ttft_ms: float | None = None
    error: str | None = None
    finish_reason: str | None = None
    format_error: bool | None = None
    flags: tuple[str, ...] | None = None
    route: str | None = None
    segment: str | None = None
    contexts: tuple[str, ...] | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    conversation: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    response_id: str | None = None
    sampled: bool | None = None
    variables: Any = None
    placeholders: Any = None
    messages: Any = None
    response: Any = None
    started: bool = False
    via: Literal["client", "otlp"] = "client"

    @property
    def id_ms(self) -> int:
        """The time in its id, in milliseconds since 1970."""
        return time_of(self.id)


def time_of(identifier: str) -> int:
    """Return the time in a UUIDv7, in milliseconds since 1970."""
    return int(identifier[:8] + identifier[9:13], 16)


def parse(record: Any) -> Call:
    """Return the call of a record as clients send it. Raises Refused, with the field, and what it takes."""
    return Call(**checked(record))


def checked(record: Any) -> dict[str, Any]:
    """Return the fields of a record that are known here and have a value, each as `Call` has it.

    Raises:
        Refused: with the field, and what it takes.
    """
    if type(record) is not dict:
        raise Refused("a record is an object")
    values = {}
    for name, value in record.items():
        if value is not None and (check := CHECKS.get(name)):
            try:
                values[name] = check(value)
            except Refused as error:
                raise Refused(f"{name}: {error}") from None
    if "id" not in values or "at" not in values:
        raise Refused("a record has an id, a UUIDv7, and at, its start")
    if abs(values["at"] - time_of(values["id"])) > DAY_MS:
        raise Refused("at: more than a day from the time in id; both are the start of the call")
    return values


def unknown(record: Mapping[str, Any]) -> int:
    """Return how many fields of a record are not known here, and so were left out."""
    return len(record.keys() - CHECKS.keys())


def text(value: Any, limit: int = MAX_TEXT) -> str | None:
    """Return a text of at most so many characters on one line; an empty one is None. Raises Refused."""
    if type(value) is not str:
        raise Refused("a text")
    value = value[:limit]
    return (value if value.isprintable() else visible(value)[:limit]) or None


def _name(value: Any) -> str | None:
    return text(value, MAX_NAME)


def hexadecimal(digits: int) -> Check:
    """Return a check for text of so many hexadecimal digits."""
    pattern = re.compile(f"[0-9a-f]{{{digits}}}")

    def check(value: Any) -> str:
        if type(value) is not str or not pattern.fullmatch(value):
            raise Refused(f"{digits} hexadecimal digits")
        return value

    return check


def _number(most: int) -> Check:
    def check(value: Any) -> float:
        if type(value) not in {int, float} or not 0 <= value <= most:
            raise Refused(f"a number from 0 to {most}, or null")
        return float(value)

    return check


def _count(most: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not 0 <= value <= most:
            raise Refused(f"a whole number from 0 to {most}, or null")
        return value

    return check


def _yes_or_no(value: Any) -> bool:
    if type(value) is not bool:
        raise Refused("true, false or null")
    return value


def _identifier(value: Any) -> str:
    if type(value) is str and UUID7.fullmatch(lower := value.lower()):
        return lower
    raise Refused("a UUIDv7")


def moment(value: Any) -> int:
    """Return an RFC 3339 time with a zone as milliseconds since 1970. Raises Refused."""
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None:
            return round(time.timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        pass
    raise Refused("a time with its zone, such as 2026-05-04T12:00:00.000Z")


def _texts(value: Any) -> tuple[str, ...]:
    if type(value) is not list:
        raise Refused("a list of texts")
    return tuple(filter(None, map(text, value[:MAX_LIST])))


def _tool_calls(value: Any) -> tuple[ToolCall, ...]:
    if type(value) is not list or not all(type(item) is dict for item in value[:MAX_LIST]):
        raise Refused('a list of {"name", "error"}')
    return tuple(_tool_call(item) for item in value[:MAX_LIST])


def _tool_call(item: dict[str, Any]) -> ToolCall:
    error = item.get("error")
    return ToolCall(text(item.get("name")) or "unknown", None if error is None else text(error))


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Refused("an object")
    return value


def _content(value: Any) -> Any:
    return value


CHECKS: dict[str, Check] = {
    "id": _identifier,
    "at": moment,
    **dict.fromkeys(
        (
            "environment", "version", "arm", "reason", "rollout", "source", "model", "response_model",
            "provider", "error", "finish_reason", "route", "segment", "response_id",
        ),
        text,
    ),
    "prompt": _name,
    "seq": _count(2**SEQ_BITS - 1),
    "unit": hexadecimal(16),
    "subject": hexadecimal(16),
    "conversation": hexadecimal(16),
    "trace_id": hexadecimal(32),
    "span_id": hexadecimal(16),
    "parameters": _object,
    **dict.fromkeys(
        ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"), _count(MAX_COUNT)
    ),
    "cost_usd": _number(MAX_USD),
    **dict.fromkeys(("duration_ms", "ttft_ms"), _number(MAX_MS)),
    **dict.fromkeys(("format_error", "sampled", "started"), _yes_or_no),
    **dict.fromkeys(("flags", "contexts"), _texts),
    "tool_calls": _tool_calls,
    **dict.fromkeys(("variables", "placeholders", "messages", "response"), _content),
}  # fmt: skip
FIELDS = tuple(field.name for field in fields(Call))
CONTENT = ("variables", "placeholders", "messages", "response")
