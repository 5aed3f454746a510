"""What one span says: each concept under any of its names, and nothing where it does not make sense."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.outcomes.otlp import feedback, observe
from registry.outcomes.otlp.observation import Prompt, Said
from registry.outcomes.otlp.spans import Event, LogRecord, Span

START = 1_795_925_619_516_408_256
CHAT = {"gen_ai.operation.name": "chat"}


def span(attributes: dict[str, Any] | None = None, **other: Any) -> Span:
    """A span of half a second that is a chat."""
    values: dict[str, Any] = {"start": START, "end": START + 500_000_000, "scope": "test"} | other
    return Span(trace_id="a" * 32, span_id="b" * 16, attributes=CHAT | (attributes or {}), **values)


def said(attributes: dict[str, Any] | None = None, **other: Any) -> Said:
    """What such a span says of its call."""
    found = observe.observe(span(attributes, **other)).said
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("attributes", "is_call"),
    [
        ({"gen_ai.operation.name": "chat"}, True),
        ({"gen_ai.operation.name": "text_completion"}, True),
        ({"gen_ai.operation.name": "generate_content"}, True),
        ({"openinference.span.kind": "LLM"}, True),
        ({"langfuse.observation.type": "generation"}, True),
        ({"langsmith.span.kind": "llm"}, True),
        ({"ai.operationId": "ai.streamText.doStream"}, True),
        ({"ai.operationId": "ai.streamText"}, False),
        ({"gen_ai.operation.name": "embeddings"}, False),
        ({"gen_ai.operation.name": "invoke_agent", "openinference.span.kind": "LLM"}, False),
        ({"openinference.span.kind": "AGENT"}, False),
        ({"promptstage.prompt": "summarize@1.0.0"}, False),
        ({}, False),
    ],
)
def test_what_a_call_is(attributes: dict[str, Any], is_call: bool) -> None:
    """Another operation is no call, whatever else says so; a prompt alone makes none."""
    assert observe.is_call(attributes) is is_call


@pytest.mark.parametrize(
    ("attributes", "prompt"),
    [
        (
            {"promptstage.prompt": "a/b@1.2.0", "promptstage.arm": "canary", "promptstage.rollout": "r-1"},
            Prompt(name="a/b", version="1.2.0", arm="canary", rollout="r-1"),
        ),
        (
            {
                "langsmith.metadata.promptstage.prompt": "a@1.2.0",
                "langsmith.metadata.promptstage.arm": "stable",
            },
            Prompt(name="a", version="1.2.0", arm="stable"),
        ),
        (
            {
                "langsmith.metadata.prompt_name": "a",
                "langsmith.metadata.prompt_version": "1.2.0",
                "langsmith.metadata.prompt_arm": "stable",
                "langsmith.metadata.prompt_rollout": "",
            },
            Prompt(name="a", version="1.2.0", arm="stable"),
        ),
        (
            {
                "ai.telemetry.metadata.promptstagePrompt": "a@1.2.0",
                "ai.telemetry.metadata.promptstageArm": "x",
            },
            Prompt(name="a", version="1.2.0", arm="x"),
        ),
        ({"gen_ai.prompt.name": "a", "gen_ai.prompt.version": "2"}, Prompt(name="a", version="2")),
        (
            {"langfuse.observation.prompt.name": "a", "langfuse.observation.prompt.version": 1003012},
            Prompt(name="a", version="1.3.12"),
        ),
        ({"promptstage.prompt": "a@1.0.0", "gen_ai.prompt.name": "b"}, Prompt(name="a", version="1.0.0")),
        ({"gen_ai.prompt.name": "a"}, None),
        ({"promptstage.prompt": "nothing"}, None),
        ({"langfuse.observation.prompt.name": "a", "langfuse.observation.prompt.version": True}, None),
    ],
)
def test_prompts(attributes: dict[str, Any], prompt: Prompt | None) -> None:
    """Ours first, then that of others; a name without a version is none."""
    assert observe.observe(span(attributes)).prompt == prompt


@pytest.mark.parametrize("tokens", [-1, "120", True, 1.5e300, float("nan"), float("inf"), ()])
def test_tokens_that_make_no_sense(tokens: Any) -> None:
    """They are unknown, rather than 0 or an error."""
    assert said({"gen_ai.usage.input_tokens": tokens}).input_tokens is None


def test_tokens() -> None:
    """0 is a number; JSON may write an integer with a point."""
    found = said({"gen_ai.usage.input_tokens": 0, "llm.token_count.completion": 24.0})

    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == (0, 24, None)


def test_usage_in_a_json_text() -> None:
    """Langfuse and LangSmith keep usage so."""
    openai = {"prompt_tokens": 120, "completion_tokens": 24, "prompt_tokens_details": {"cached_tokens": 64}}
    found = said({"langfuse.observation.usage_details": json.dumps(openai)})

    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == (120, 24, 64)
    for broken in ("[1]", "{", '{"prompt_tokens": {}}', '{"prompt_tokens_details": 1}', "null"):
        assert said({"langfuse.observation.usage_details": broken}).cached_tokens is None


@pytest.mark.parametrize(
    ("start", "end", "duration"),
    [(START, START + 1_500_000, 1.5), (START, START, 0.0), (START, START - 1, None), (0, START, None)],
)
def test_durations(start: int, end: int, duration: float | None) -> None:
    """A clock that was set back, or none, leaves a call without duration, and without time to first token."""
    found = said({"gen_ai.response.time_to_first_chunk": 0.1}, start=start, end=end)

    assert (found.duration_ms, found.ttft_ms) == (duration, None if duration is None else 100.0)


@pytest.mark.parametrize(
    ("attributes", "events", "ttft"),
    [
        ({"gen_ai.client.operation.time_to_first_chunk": 0.0125}, (), 12.5),
        ({"ai.response.msToFirstChunk": 12.5}, (), 12.5),
        ({"langfuse.observation.completion_start_time": '"2026-11-29T04:13:39.616408Z"'}, (), 100.0),
        ({"langfuse.observation.completion_start_time": '"2026-11-29T04:13:39.416408Z"'}, (), None),
        ({"langfuse.observation.completion_start_time": '"soon"'}, (), None),
        ({}, (Event(name="First Token Stream Event", at=START + 2_000_000),), 2.0),
        ({}, (Event(name="First Token Stream Event", at=START - 1),), None),
        ({"gen_ai.response.time_to_first_chunk": float("nan")}, (), None),
    ],
)
def test_time_to_first_token(
    attributes: dict[str, Any], events: tuple[Event, ...], ttft: float | None
) -> None:
    """It is said in four ways, and left out where it is before the start."""
    assert said(attributes, events=events).ttft_ms == ttft


@pytest.mark.parametrize(
    ("attributes", "event", "failed", "error"),
    [
        ({"error.type": "openai.RateLimitError"}, None, True, "RateLimitError"),
        ({"error.type": "429"}, "x.Y", True, "429"),
        ({"error.type": "odd."}, None, True, "odd."),
        ({}, "anthropic.RateLimitError", True, "RateLimitError"),
        ({}, None, True, "error"),
        ({}, None, False, None),
    ],
)
def test_errors(attributes: dict[str, Any], event: str | None, failed: bool, error: str | None) -> None:
    """The class without its module, of the attribute or the exception; "error" where the status is all."""
    events = (Event(name="exception", attributes={"exception.type": event}),) if event else ()

    assert said(attributes, events=events, failed=failed).error == error


def test_who_is_cancelled_has_not_failed() -> None:
    """As in the client's own records."""
    found = said({"error.type": "asyncio.exceptions.CancelledError"}, failed=True)

    assert (found.error, found.finish_reason) == (None, "cancelled")


@pytest.mark.parametrize(
    ("attributes", "tools"),
    [
        ({}, ()),
        ({"gen_ai.response.finish_reasons": ("stop",)}, ()),
        ({"gen_ai.response.finish_reasons": ("tool_calls",)}, None),
        ({"gen_ai.response.finish_reasons": '["tool_calls"]'}, None),
        ({"anthropic.message.stop_reason": "tool_use"}, None),
        ({"gen_ai.completion.0.function_call.name": "a"}, ("a",)),
        (
            {"gen_ai.completion": '{"choices":[{"message":{"tool_calls":[{"function":{"name":"a"}}]}}]}'},
            ("a",),
        ),
        ({"gen_ai.output.messages": '[{"parts":[{"type":"tool_call","name":"a"},{"type":"text"}]}]'}, ("a",)),
        ({"ai.response.toolCalls": '[{"toolName":"a"},{"toolName":"b"}]'}, ("a", "b")),
        (
            {
                f"llm.output_messages.0.message.{where}.0.tool_call.function.name": "a"
                for where in ("contents", "tool_calls")
            },
            ("a",),
        ),
        ({"llm.output_messages.0.message.contents.0.tool_call.function.name": "a"}, ("a",)),
        ({"gen_ai.output.messages": '[{"parts":[{"type":"tool_call","name":5}]}]'}, ()),
        ({"gen_ai.output.messages": "[" * 900 + "]" * 900}, ()),
    ],
)
def test_tools(attributes: dict[str, Any], tools: tuple[str, ...] | None) -> None:
    """Names are found in every form of an answer; unknown where only the finish reason tells of any."""
    assert said(attributes).tool_calls == tools


def test_identities_are_hashed() -> None:
    """As the client hashes them, so that the two meet; in plain they are not kept."""
    found = said({"session.id": "conv-1", "user.id": "user-42"})

    assert (found.conversation, found.subject) == ("36524fd8f6747fc2", "6d894aa3ee802549")


def test_a_stream_of_logfire() -> None:
    """The span of the request is the first half, and no call; the "log" began when the request did."""
    first = span({"logfire.span_type": "span"}, scope="logfire.openai")
    second = span({"logfire.span_type": "log", "duration": 0.25}, scope="logfire.openai", end=START)
    found = observe.observe(second)

    assert observe.observe(first).said is None
    assert (found.start, found.said and found.said.duration_ms) == (START - 250_000_000, 250.0)
    assert said({"logfire.span_type": "span"}, scope="logfire.openai", failed=True).error == "error"


def test_the_clients_own_record() -> None:
    """A span may name the record that the client sent of the same call."""
    assert said({"promptstage.call": "0193e3a5"}).client_call == "0193e3a5"


def test_text_that_cannot_be_stored() -> None:
    """It is cut to 64 characters."""
    assert said({"gen_ai.request.model": "m" * 100}).model == "m" * 64
    assert said({"gen_ai.request.model": 5}).model is None


@pytest.mark.parametrize(
    ("name", "value", "label", "expected"),
    [
        ("user_feedback", None, "thumbs_down", ("down", None)),
        ("Thumbs", 0.5, None, (None, 0.5)),
        ("user_feedback", 1, "Edited", ("edited", 1.0)),
        ("relevance", 1.0, "up", None),
        ("user_feedback", 5, None, None),
        ("user_feedback", float("nan"), "perhaps", None),
    ],
)
def test_feedback(
    name: str, value: Any, label: str | None, expected: tuple[str | None, float] | None
) -> None:
    """A kind by its label, or a number; what judges say is not taken here."""
    keys = {"name": name, "score.value": value, "score.label": label}
    attributes = {f"gen_ai.evaluation.{key}": item for key, item in keys.items() if item is not None}
    event = Event(name="gen_ai.evaluation.result", attributes=attributes)
    record = LogRecord(trace_id="a" * 32, span_id="b" * 16, event=event)

    found = [(one.kind, one.value) for one in feedback.of_log(record)]

    assert found == ([expected] if expected else [])
    assert list(feedback.of_span(span(events=(event,)))) == list(feedback.of_log(record))
