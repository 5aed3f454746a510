"""What a model answered, as the checks and the report need it. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from registry.outcomes.rates import Tokens

if TYPE_CHECKING:
    from promptstage.model import Json


class NoCompletion(ValueError):
    """A body that is no answer of chat completions; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer. Unknown is None, never 0.

    Attributes:
        text: what the model wrote; the refusal if it refused; empty if it only called tools.
        tool_calls: in OpenAI's shape.
        finish_reason: why it ended, in the API's word.
        response_model: the dated model that answered.
        input_tokens: with those that were read from a cache.
        output_tokens: with those of the reasoning.
        cached_tokens: those of the input that were read from a cache.
        latency_ms: of the one request that was answered, without waiting for a place or between attempts.
    """

    text: str
    tool_calls: tuple[Json, ...] = ()
    finish_reason: str | None = None
    response_model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    latency_ms: float | None = None

    @property
    def tokens(self) -> Tokens | None:
        """What it is charged for; None: the answer does not say how long it was."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return Tokens(self.input_tokens, self.output_tokens, self.cached_tokens or 0)

    def to_json(self) -> Json:
        """Return it as JSON, from which `Completion(**...)` makes it again."""
        return asdict(self)


def read(body: Any, latency_ms: float | None = None) -> Completion:
    """Read the body of an answer of chat completions. Raises NoCompletion."""
    choices = _of(body, dict, "the answer").get("choices")
    choice = _of(next(iter(_of(choices, list, "choices")), None), dict, "choices[0]")
    message = _of(choice.get("message"), dict, "choices[0].message")
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    details = usage.get("prompt_tokens_details")
    return Completion(
        text=_text(message),
        tool_calls=tuple(_of(message.get("tool_calls") or [], list, "choices[0].message.tool_calls")),
        finish_reason=_word(choice.get("finish_reason")),
        response_model=_word(body.get("model")),
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, dict) else None,
        latency_ms=latency_ms,
    )


def _of(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        wanted = "object" if kind is dict else "list"
        raise NoCompletion(f"{where} is no JSON {wanted}, as chat completions have it")
    return value


def _text(message: Json) -> str:
    content = message.get("content")
    if content is None:
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) else ""
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str):
        raise NoCompletion("choices[0].message.content is no text, as chat completions have it")
    return content


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
