"""What `prompt.anthropic()` returns goes into Anthropic's own SDK: samples, the starter, and every shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type, get_type_hints

import anthropic
import anthropic_api
import pytest
from anthropic.types import Message, MessageParam, TextBlock
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.types.chat import ChatCompletionMessage
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from requests_in import CALL, EVERY_KEY, FILES, GIVEN, PDF, PNG, RENDERED, TOOLS, cases, served, served_by

from promptstage import PromptUnsupported
from promptstage.limits import MAX_TOKENS
from promptstage.requests.anthropic import LEFT_OUT, RENAMED, make_anthropic_request

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "anthropic/claude-sonnet-5-5"
CLAUDE = RENDERED._replace(
    model=MODEL, parameters=RENDERED.parameters | {"reasoning_effort": "minimal", "stop": "END", "seed": 7}
)
BASE: dict[str, Any] = {"model": "claude-sonnet-5-5", "max_tokens": 9}
HI: list[MessageParam] = [{"role": "user", "content": "hi"}]
KNOWN = get_type_hints(MessageCreateParamsNonStreaming).keys()
ANSWERED = ChatCompletionMessage.model_validate({"role": "assistant", "content": None, "tool_calls": [CALL]})
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.fixture(scope="module")
def api() -> Iterator[anthropic_api.AnthropicApi]:
    """A server that refuses what the real one refuses."""
    with anthropic_api.serve() as served_api:
        yield served_api


@pytest.fixture(scope="module")
def llm(api: anthropic_api.AnthropicApi) -> Iterator[anthropic.Anthropic]:
    """The SDK, at that server."""
    with anthropic.Anthropic(api_key="sk-test", base_url=api.url, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_the_call_is_taken(llm: anthropic.Anthropic, content: bytes) -> None:
    """Of every version there ever was, with its model; a JSON object without a schema has no form there."""
    prompt = served_by("anthropic", content, MODEL)
    for case in cases(content, prompt):
        if prompt.document.response_format == "json_object":
            with pytest.raises(
                PromptUnsupported, match="x: Anthropic's API has no json_object; give the file"
            ):
                prompt.anthropic(case)
            continue
        answer = llm.messages.create(**prompt.anthropic(case))
        assert_type(answer, Message)
        assert answer.content[0].type == "text"


def test_every_shape_is_taken(llm: anthropic.Anthropic, api: anthropic_api.AnthropicApi) -> None:
    """The system text apart, parts as blocks, all answers of tools in one message, tools and parameters."""
    llm.messages.create(**make_anthropic_request(CLAUDE))

    call = {"type": "tool_use", "name": "find_order", "input": {"number": "7"}}
    answer = {"type": "tool_result", "content": "on its way"}
    picture = {"type": "base64", "media_type": "image/png", "data": PNG.partition(",")[2]}
    invoice = {"type": "base64", "media_type": "application/pdf", "data": PDF.partition(",")[2]}
    assert api.asked[-1] == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 300,
        "stop_sequences": ["END"],
        "output_config": {"effort": "low"},
        "system": "Be brief.\n\nBe kind.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Where is it?"},
                    {"type": "image", "source": picture},
                    {"type": "image", "source": {"type": "url", "url": "https://example.org/parcel.jpg"}},
                    {"type": "document", "source": invoice, "title": "invoice.pdf"},
                ],
            },
            {"role": "assistant", "content": [call | {"id": "call_1"}, call | {"id": "call_2"}]},
            {
                "role": "user",
                "content": [
                    answer | {"tool_use_id": "call_1"},
                    answer | {"tool_use_id": "call_2"},
                    {"type": "text", "text": "Thank you."},
                ],
            },
        ],
        "tools": [
            {
                "name": "find_order",
                "description": "Find an order by its number",
                "input_schema": TOOLS[0]["function"]["parameters"],
                "strict": True,
            },
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    }


def test_every_key_of_a_file_is_taken(llm: anthropic.Anthropic) -> None:
    """Tools, a choice, parts, a schema, and a history from the application."""
    request = served(EVERY_KEY, MODEL).anthropic(GIVEN)
    llm.messages.create(**request)

    assert request["tool_choice"] == {"type": "tool", "name": "find_order", "disable_parallel_tool_use": True}
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], id="a role twice"),
        pytest.param(
            [*HI, {"role": "assistant", "content": "The answer is \n"}], id="white space at the end"
        ),
        pytest.param([{"role": "system", "content": ""}, *HI, {"role": "user", "content": " "}], id="empty"),
        pytest.param([*HI, {"role": "assistant", "content": None, "tool_calls": None}], id="nothing said"),
        pytest.param(
            [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
                },
                *HI,
            ],
            id="a cached system text",
        ),
        pytest.param(
            [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}], id="a file's id"
        ),
        pytest.param(
            [
                {
                    "role": "user",
                    "content": [{"type": "file", "file": {"file_data": "data:text/plain;base64,YQ=="}}],
                }
            ],
            id="a text file",
        ),
        pytest.param(
            [
                {
                    "role": "user",
                    "content": [{"type": "image", "source": {"type": "url", "url": "https://a.b/c"}}],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "tool_use", "id": "t", "name": "now", "input": {}},
                    ],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "9:00"}]},
            ],
            id="its own shapes",
        ),
        pytest.param(
            [
                *HI,
                {"role": "assistant", "content": [TextBlock(type="text", text=text) for text in ("", "a")]},
            ],
            id="blocks as its SDK returned them",
        ),
        pytest.param(
            [
                *HI,
                ANSWERED,
                {"role": "tool", "tool_call_id": "call_1", "content": "on its way"},
            ],
            id="a message as OpenAI's SDK returned it",
        ),
        pytest.param(
            [
                *HI,
                {"role": "assistant", "content": "", "tool_calls": ANSWERED.tool_calls},
                {"role": "tool", "tool_call_id": "call_1", "content": ""},
            ],
            id="calls as OpenAI's SDK returned them",
        ),
        pytest.param(
            [
                *HI,
                Message.model_validate(
                    {
                        "id": "msg_1",
                        "type": "message",
                        "role": "assistant",
                        "model": "claude-sonnet-5-5",
                        "content": [
                            {"type": "text", "text": ""},
                            {"type": "tool_use", "id": "t", "name": "now", "input": {"zone": None}},
                        ],
                        "stop_reason": "tool_use",
                        "stop_sequence": None,
                        "usage": {"input_tokens": 9, "output_tokens": 3},
                    }
                ),
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "9:00"}]},
            ],
            id="a message as its SDK returned it",
        ),
    ],
)
def test_conversations_are_taken(llm: anthropic.Anthropic, messages: list[Any]) -> None:
    """Whatever an application splices in: OpenAI's shapes, Anthropic's, and a mixture."""
    llm.messages.create(**make_anthropic_request(CLAUDE._replace(messages=messages)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": None}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "now"}}, "parameters": {}},
            {"type": "tool", "name": "now"},
        ),
        ({"tool_choice": None, "parameters": {}}, None),
        ({"tool_choice": None, "tools": []}, None),
    ],
)
def test_tool_choices(llm: anthropic.Anthropic, change: dict[str, Any], expected: Any) -> None:
    """One at a time is a matter of the choice there."""
    request = make_anthropic_request(CLAUDE._replace(**change))
    llm.messages.create(**request)

    assert request.get("tool_choice") == expected


def test_a_schema_is_the_format_of_the_output(llm: anthropic.Anthropic) -> None:
    """Beside the effort; the name of the schema is OpenAI's alone."""
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}
    request = make_anthropic_request(CLAUDE._replace(response_format=wanted))
    llm.messages.create(**request)

    assert request["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}


def test_an_output_config_of_the_file_is_kept() -> None:
    """What the file says for this API alone goes before what it says for all."""
    parameters = {"output_config": {"effort": "high", "other": 1}, "reasoning_effort": "low"}
    request = make_anthropic_request(CLAUDE._replace(parameters=parameters))

    assert request["output_config"] == parameters["output_config"]


@pytest.mark.parametrize("name", sorted(get_type_hints(CompletionCreateParamsNonStreaming)))
def test_every_parameter_of_openai_is_named_or_left_out(name: str) -> None:
    """So that a file that was written for one runs with the other."""
    request = make_anthropic_request(CLAUDE._replace(parameters={name: "x"}))

    assert request.keys() <= KNOWN


def test_nothing_is_left_out_that_its_api_has() -> None:
    """Else a prompt could not say it."""
    assert set() == KNOWN & LEFT_OUT
    assert set(RENAMED.values()) <= KNOWN


def test_max_tokens_is_always_there() -> None:
    """For the API requires it; as many as the SDK lets a model answer without streaming."""
    prompt = served(b"messages: [{role: user, content: hi}]", MODEL)

    assert prompt.anthropic()["max_tokens"] == MAX_TOKENS


def part(part: Any) -> dict[str, Any]:
    """A message of the user with one part."""
    return {"messages": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (part({"type": "input_audio", "input_audio": {}}), r"messages\[0\].content\[0\] is audio"),
        (part({"type": "image_url"}), r"content\[0\].image_url.url is neither an https:// URL nor"),
        (part({"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,YQ=="}}), "is image/svg"),
        (part({"type": "file", "file": {"file_data": "JVBERi0xLjQ="}}), "file.file_data is neither"),
        (
            part({"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}),
            "is no UTF-8 in base64",
        ),
        (part({"type": "file"}), "has no file"),
        (part({"type": "text"}), "without a text"),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": PNG}]}]},
            "more than text",
        ),
        ({"messages": [{"role": "system", "content": "Be brief."}]}, "wants a message besides system"),
        ({"messages": [{"role": "function", "content": "x"}]}, "has the role function; use one of system"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "has no tool_call_id"),
        ({"messages": [{"role": "user", "content": {}}]}, "neither a text nor a list of parts"),
        ({"messages": [object()]}, "is of type object; give a mapping"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"arguments": "["}}]}
                ]
            },
            r"messages\[0\].tool_calls\[0\] is no call",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, r"tools\[0\] is no function with a name"),
        ({"tools": ["now"]}, r"tools\[0\] is no function with a name"),
        ({"tool_choice": "sometimes"}, "no tool choice like sometimes; write auto"),
    ],
)
def test_what_it_cannot_carry_is_an_error_with_its_place(change: dict[str, Any], said: str) -> None:
    """That names the prompt, and a remedy."""
    with pytest.raises(PromptUnsupported, match=f"^support/reply: .*{said}.*"):
        make_anthropic_request(CLAUDE._replace(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.2},
        {"seed": 7},
        {"model": "claude-nothing"},
        {"max_tokens": None},
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}]},
        {"messages": [{"role": "user", "content": " "}]},
        {"messages": [*HI, {"role": "assistant", "content": "The answer is "}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]},
        {"system": ""},
        {"tools": TOOLS},
        {"tool_choice": {"type": "auto"}},
        {"stop_sequences": "END"},
        {"response_format": {"type": "json_object"}},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    ],
)
def test_what_the_real_one_refuses_is_refused(llm: anthropic.Anthropic, change: dict[str, Any]) -> None:
    """A server that takes everything would prove nothing."""
    body = {name: value for name, value in ({**BASE, "messages": HI} | change).items() if value is not None}
    with pytest.raises((anthropic.BadRequestError, anthropic.NotFoundError)):
        llm.post("/v1/messages", body=body, cast_to=Message)
