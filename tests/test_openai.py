"""What `prompt.openai()` returns goes into OpenAI's own SDK: samples, the starter, and every shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import openai
import openai_api
import pytest
from openai.types.chat import ChatCompletion
from requests_in import CONVERSATION, EVERY_KEY, FILES, GIVEN, PNG, RENDERED, TOOLS, cases, served, served_by

from promptstage.requests.openai import make_openai_request
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def llm() -> Iterator[openai.OpenAI]:
    """The SDK, at a server that refuses what the real one refuses."""
    with (
        openai_api.serve() as api,
        openai.OpenAI(api_key="sk-test", base_url=api.url, max_retries=0) as client,
    ):
        yield client


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_the_call_is_taken(llm: openai.OpenAI, content: bytes) -> None:
    """Model, parameters, messages and format, of every version there ever was."""
    prompt = served_by("openai", content, "openai/gpt-5.4")

    for case in cases(content, prompt):
        answer = llm.chat.completions.create(**prompt.openai(case))
        assert_type(answer, ChatCompletion)
        assert answer.choices[0].message.content == "an answer"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"tool_choice": {"type": "function", "function": {"name": "now"}}},
        {"tools": [], "tool_choice": None, "parameters": {}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "object"}},
            }
        },
    ],
)
def test_every_shape_is_taken(llm: openai.OpenAI, change: dict[str, Any]) -> None:
    """Parts, calls of tools and their answers, tools, choices and formats, as they are."""
    answer = llm.chat.completions.create(**make_openai_request(RENDERED._replace(**change)))

    assert answer.choices[0].message.content == "an answer"


def test_every_key_of_a_file_is_taken(llm: openai.OpenAI) -> None:
    """Tools, a choice, parts, a schema, and a history from the application."""
    prompt = served(EVERY_KEY)

    request = prompt.openai(GIVEN)
    llm.chat.completions.create(**request)

    assert (request["tools"], request["tool_choice"]) == (prompt.tools, prompt.tool_choice)
    assert request["messages"][1:-1] == GIVEN["history"]


def test_a_prompt_without_a_model_goes_with_the_applications(llm: openai.OpenAI) -> None:
    """As a fallback does; of a prompt that has one it stays."""
    fallback = Client.of({}).get("x", fallback="Summarize {{text}}")
    prompt = served(b"{model: openai/gpt-5.4, messages: [{role: user, content: '{{text}}'}]}")

    for given, model in ((fallback, "gpt-5.4-mini"), (prompt, "gpt-5.4")):
        request = given.openai(text="a long text")
        request.setdefault("model", "gpt-5.4-mini")
        assert llm.chat.completions.create(**request).model == model


@pytest.mark.parametrize(
    "change",
    [
        {"maxTokens": 300},
        {"max_tokens": 300},
        {"temperature": 0.2},
        {"model": "gpt-nothing"},
        {"response_format": {"type": "json_object"}},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": PNG}]}]},
        {"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "unasked for"}]},
        {"messages": CONVERSATION[:-2]},
        {"tools": []},
        {"tools": [{"name": "now", "input_schema": {}}]},
        {"tools": [{"type": "function", "function": {"name": "not a name"}}]},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "then"}}},
        {"tool_choice": "auto"},
    ],
)
def test_what_the_real_one_refuses_is_refused(llm: openai.OpenAI, change: dict[str, Any]) -> None:
    """A server that takes everything would prove nothing."""
    call: dict[str, Any] = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hi"}]} | change
    extra = {name: call.pop(name) for name in ("maxTokens",) if name in call}

    with pytest.raises((openai.BadRequestError, openai.NotFoundError)):
        llm.chat.completions.create(**call, extra_body=extra)
