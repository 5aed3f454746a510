"""What responses say, by their shape: those of the real SDKs, dicts, streams, and what is odd."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response
from pydantic import TypeAdapter

from client import responses_of as given
from promptstage._calls.responses import read
from promptstage._calls.streamed import StreamedAnswer

if TYPE_CHECKING:
    from promptstage._calls.answer import Answer

GPT = {
    "model": "gpt-5-mini-2025-08-07",
    "input_tokens": 1204,
    "output_tokens": 88,
    "cached_tokens": 1024,
    "reasoning_tokens": 64,
    "cost_usd": None,
    "provider": None,
    "tools": ["get_order"],
    "text": "One moment.",
    "odd": 0,
}
CLAUDE = {
    **GPT,
    "model": "claude-sonnet-5-5-20260901",
    "input_tokens": 136,
    "output_tokens": 24,
    "cached_tokens": 64,
    "reasoning_tokens": None,
}
WHOLE: dict[str, tuple[Any, dict[str, Any], str]] = {
    "chat": (given.CHAT, GPT, "tool_calls"),
    "chat of the SDK": (ChatCompletion.model_validate(given.CHAT), GPT, "tool_calls"),
    "responses": (given.RESPONSE, GPT, "completed"),
    "responses of the SDK": (Response.model_validate(given.RESPONSE), GPT, "completed"),
    "message": (given.MESSAGE, CLAUDE, "tool_use"),
    "message of the SDK": (Message.model_validate(given.MESSAGE), CLAUDE, "tool_use"),
    "google": (
        given.GOOGLE,
        {**CLAUDE, "model": "gemini-3-flash", "input_tokens": 120, "reasoning_tokens": 4},
        "STOP",
    ),
    "converse": (given.CONVERSE, {**CLAUDE, "model": None}, "tool_use"),
}
STREAMED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "chat": (given.CHUNKS, GPT, "tool_calls"),
    "chat of the SDK": ([ChatCompletionChunk.model_validate(c) for c in given.CHUNKS], GPT, "tool_calls"),
    "chat of the SDK's helper": ([{"type": "chunk", "chunk": c} for c in given.CHUNKS], GPT, "tool_calls"),
    "responses": (given.RESPONSE_EVENTS, GPT, "completed"),
    "message": (given.EVENTS, CLAUDE, "tool_use"),
    "message of the SDK": (
        [
            TypeAdapter[Any](RawMessageStreamEvent).validate_python(event)
            for event in given.EVENTS
            if event["type"] != "ping"
        ],
        CLAUDE,
        "tool_use",
    ),
    "google": ([given.GOOGLE], WHOLE["google"][1], "STOP"),
    "converse": (given.CONVERSE_EVENTS, {**CLAUDE, "model": None}, "tool_use"),
}


def said(answer: Answer) -> dict[str, Any]:
    """What an answer holds, in plain values."""
    names = [name for name in GPT if name not in {"tools", "text"}]
    tools = None if answer.tools is None else [name for name, _ in answer.tools]
    text = None if answer.texts is None else "".join(answer.texts)
    return {name: getattr(answer, name) for name in names} | {"tools": tools, "text": text}


@pytest.mark.parametrize(("response", "expected", "finish"), WHOLE.values(), ids=WHOLE)
def test_a_whole_response(response: Any, expected: dict[str, Any], finish: str) -> None:
    """Tokens with those of the cache, model, tools, and why it ended; content if it is wanted."""
    answer = read(response, texts=True)

    assert (said(answer), answer.finish_reason) == (expected, finish)
    assert said(read(response)) == {**expected, "text": None}


@pytest.mark.parametrize(("events", "expected", "finish"), STREAMED.values(), ids=STREAMED)
def test_a_streamed_response(events: list[Any], expected: dict[str, Any], finish: str) -> None:
    """The same, whatever the parts are; running totals replace each other."""
    answer = fed(*events, texts=True).answer

    assert (said(answer), answer.finish_reason) == (expected, finish)
    assert answer.tools in ([["get_order", '{"id": 7}']], [["get_order", {"id": 7}]], [["get_order", ""]])
    assert said(fed(*events).answer) == {**expected, "text": None}


def fed(*events: Any, texts: bool = False) -> StreamedAnswer:
    """What was read of these parts."""
    streamed = StreamedAnswer(texts=texts)
    for event in events:
        streamed.feed(event)
    return streamed


def test_a_stream_begins_with_the_first_piece_of_the_answer() -> None:
    """A role, or the start of a message, is none yet."""
    begun = [
        [fed(*events[:count]).has_begun for count in range(1, 5)] for events in (given.CHUNKS, given.EVENTS)
    ]

    assert begun == [[False, True, True, True], [False, False, False, True]]
    assert fed(given.chunk({"content": None, "reasoning_content": "hm"})).has_begun
    assert fed(*given.RESPONSE_EVENTS[:2]).has_begun
    assert not fed(given.RESPONSE_EVENTS[0]).has_begun


def test_a_stream_without_usage_has_no_tokens() -> None:
    """None, not 0."""
    answer = fed(*given.CHUNKS[:-1]).answer

    assert (answer.input_tokens, answer.output_tokens, answer.odd) == (None, None, 0)


def test_a_stream_of_texts() -> None:
    """As some SDKs give it: only the time to the first one is known."""
    streamed = fed("One ", "moment.", texts=True)

    assert streamed.has_begun
    assert said(streamed.answer) == {**dict.fromkeys(GPT), "text": "One moment.", "odd": 0}


def test_the_price_that_litellm_adds() -> None:
    """With the provider that it called."""
    hidden = {"response_cost": 0.0012, "custom_llm_provider": "azure"}
    answer = read({**given.CHAT, "_hidden_params": hidden})

    assert (answer.cost_usd, answer.provider, answer.odd) == (0.0012, "azure", 0)


@pytest.mark.parametrize("tokens", [-1, nan, inf, 0.5, "12", True, [], 2**60])
def test_a_number_that_cannot_be_right_is_left_out(tokens: object) -> None:
    """And counted; what else the response says stays."""
    answer = read({**given.CHAT, "usage": {"prompt_tokens": tokens, "completion_tokens": 88}})

    assert (answer.input_tokens, answer.output_tokens, answer.odd) == (None, 88, 1)


@pytest.mark.parametrize("price", [-0.1, nan, inf, "0.1", True])
def test_a_price_that_cannot_be_right_is_left_out(price: object) -> None:
    """And counted."""
    answer = read({**given.CHAT, "_hidden_params": {"response_cost": price}})

    assert (answer.cost_usd, answer.odd) == (None, 1)


class Hostile:
    """Raises where it is asked for what a response has."""

    @property
    def choices(self) -> object:
        """None of them."""
        raise RuntimeError

    type = content = choices


@pytest.mark.parametrize(
    "odd",
    [None, 3, "text", [], {}, object(), Hostile(), {"choices": 3}, {"content": [Hostile()]}],
    ids=lambda odd: type(odd).__name__,
)
def test_what_is_no_response_is_no_error(odd: object) -> None:
    """It is counted."""
    answer = read(odd, texts=True)

    assert (answer.odd, answer.input_tokens, answer.output_tokens) == (1, None, None)


@pytest.mark.parametrize("odd", [None, 3, object(), Hostile(), {"choices": 3}, {"type": "message_start"}])
def test_what_is_no_part_of_a_response_is_no_error(odd: object) -> None:
    """Not in a stream, either."""
    answer = fed(odd, odd).answer

    assert (answer.input_tokens, answer.output_tokens) == (None, None)


def test_names_are_short_and_on_one_line() -> None:
    """A provider could forge a log line otherwise."""
    answer = read({**given.CHAT, "model": "gpt\nINFO " + "x" * 100})

    assert answer.model == "gpt INFO " + "x" * 55
