"""Spans and log records, reduced to what is wanted of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]

MAX_TEXT = 4096  # characters kept of a value; none that is wanted has a hundred
MAX_NAME = 64  # characters of a field of a call
# Values that are searched for the names of tools, or a response's id, and dropped. They hold content, too,
# and a longer one is not searched: parsing it would cost more than all the rest of its span.
MAX_SEARCHED = 64 << 10
MAX_ITEMS = 100  # of a list, such as the finish reasons

OPERATION = "gen_ai.operation.name"
PROMPT = "promptstage.prompt"
ENVIRONMENT = ("deployment.environment.name", "deployment.environment")

# Whether a span is a call, and which prompt it was made with.
_IDENTITY = {
    OPERATION, "openinference.span.kind", "langfuse.observation.type", "langsmith.span.kind",
    "ai.operationId", "logfire.span_type", "duration",
    PROMPT, "promptstage.arm", "promptstage.rollout", "promptstage.call",
    "langsmith.metadata.promptstage.prompt", "langsmith.metadata.promptstage.arm",
    "langsmith.metadata.promptstage.rollout", "langsmith.metadata.promptstage.call",
    "langsmith.metadata.prompt_name", "langsmith.metadata.prompt_version",
    "langsmith.metadata.prompt_arm", "langsmith.metadata.prompt_rollout",
    "ai.telemetry.metadata.promptstagePrompt", "ai.telemetry.metadata.promptstageArm",
    "ai.telemetry.metadata.promptstageRollout", "ai.telemetry.metadata.promptstageCall",
    "gen_ai.prompt.name", "gen_ai.prompt.version",
    "langfuse.observation.prompt.name", "langfuse.observation.prompt.version",
}  # fmt: skip
# The concepts of a call, each under the names that instrumentations give it; the first one present counts.
CONCEPTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "model": ("gen_ai.request.model", "llm.request.model_name", "ai.model.id"),
    "response_model": ("gen_ai.response.model", "llm.response.model_name", "llm.model_name",
                       "langfuse.observation.model.name", "ai.response.model"),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt",
                     "ai.usage.inputTokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
                      "llm.token_count.completion", "ai.usage.outputTokens"),
    "cached_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
                      "llm.token_count.prompt_details.cache_read", "ai.usage.cachedInputTokens"),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
                         "llm.token_count.completion_details.reasoning", "ai.usage.reasoningTokens"),
    "usage": ("langfuse.observation.usage_details", "langsmith.metadata.usage_metadata"),
    "cost_usd": ("operation.cost", "gen_ai.cost.total_cost", "llm.cost.total"),
    "first_chunk_s": ("gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk"),
    "first_chunk_ms": ("ai.response.msToFirstChunk",),
    "first_chunk_at": ("langfuse.observation.completion_start_time",),
    "error": ("error.type",),
    "finish_reason": ("gen_ai.response.finish_reasons", "llm.finish_reason", "ai.response.finishReason",
                      "anthropic.message.stop_reason"),
    "response_id": ("gen_ai.response.id", "ai.response.id"),
    "conversation": ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id",
                     "traceloop.association.properties.thread_id", "langsmith.metadata.session_id",
                     "langsmith.metadata.thread_id", "ai.telemetry.metadata.sessionId"),
    "user": ("user.id", "llm.user", "enduser.id", "traceloop.association.properties.user_id",
             "langsmith.metadata.user_id", "ai.telemetry.metadata.userId"),
})  # fmt: skip
# Events of a span that are wanted, and what of them.
FIRST_CHUNK = {"gen_ai.content.completion.chunk", "First Token Stream Event", "ai.stream.firstChunk"}
EVALUATION = "gen_ai.evaluation.result"
EVALUATION_NAME = "gen_ai.evaluation.name"
CHOICE = "gen_ai.choice"
EVENTS = FIRST_CHUNK | {"exception", EVALUATION}
_OF_EVENTS = {
    "event.name", "exception.type", EVALUATION_NAME, "gen_ai.evaluation.score.value",
    "gen_ai.evaluation.score.label",
}  # fmt: skip
SEARCHED_FOR_TOOLS = (
    "gen_ai.output.messages", "ai.response.toolCalls", "langfuse.observation.output", "gen_ai.completion",
)  # fmt: skip
SEARCHED_FOR_ID = "output.value"
SEARCHED = {*SEARCHED_FOR_TOOLS, SEARCHED_FOR_ID}
# Names of tools with a key each; `llm.output_messages.0.message.tool_calls.0.tool_call.function.name` is one.
TOOL_KEYS = ("llm.output_messages.", "gen_ai.completion.")
TOOL_ENDS = ("function.name", "function_call.name")

WANTED = frozenset(
    _IDENTITY | _OF_EVENTS | SEARCHED | {*ENVIRONMENT} | {key for keys in CONCEPTS.values() for key in keys}
)


def is_wanted(key: str) -> bool:
    """Return whether an attribute is kept."""
    return key in WANTED or (key.startswith(TOOL_KEYS) and key.endswith(TOOL_ENDS))


def kept(key: str, value: Any) -> Value | None:
    """Cut a value to what is kept of it; None of what is not, such as nested ones."""
    if isinstance(value, str):
        if key not in SEARCHED:
            return clean(value, MAX_TEXT)
        return value if len(value) <= MAX_SEARCHED else None
    if isinstance(value, list):
        return tuple(item for item in value[:MAX_ITEMS] if isinstance(item, str | int | float))
    return value if isinstance(value, int | float) else None


def clean(text: str, limit: int) -> str:
    """Cut text, and drop from it what cannot be stored anywhere: NUL, and halves of surrogate pairs."""
    text = text[:limit]
    return text if text.isprintable() else text.replace("\0", "").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of a span or in a log. Times are in nanoseconds since 1970, 0 for none."""

    name: str
    at: int = 0
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is kept of a span. Ids are in lower-case hexadecimal.

    Attributes:
        parent_id: empty for a root.
        environment: of its resource.
        failed: whether its status is ERROR.
        events: those wanted, the first one of each kind.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    scope: str = ""
    environment: str | None = None
    start: int = 0
    end: int = 0
    failed: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """What is kept of a log record; the ids are empty where it has none.

    Attributes:
        tools: the names of tools that a `gen_ai.choice` calls.
    """

    trace_id: str
    span_id: str
    event: Event
    environment: str | None = None
    tools: tuple[str, ...] = ()
