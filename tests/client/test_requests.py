"""Requests for models as data: names, formats and copies. That the SDKs take them, other tests say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_in import CONVERSATION, EVERY_KEY, GIVEN, RENDERED, TOOLS, served

from promptstage import PromptUnsupported, VariablesMissing
from promptstage.requests.anthropic import make_anthropic_request
from promptstage.requests.openai import make_litellm_request, make_openai_request
from promptstage.requests.rendered import snake_case

SCHEMA = {"type": "object", "properties": {"schema": {"type": "string"}}}
FILE = """
model: openai/gpt-5.4
modelParameters: {maxTokens: 300, topP: 0.5, stop: [END], logitBias: {"50256": -100}, seed: null, topK: 40}
messages: [{role: user, content: "{{user-name}}: {{text}}"}]
"""


def test_parameters_have_the_names_of_the_api() -> None:
    """One without a value is left out, and one that the API does not know has its own name."""
    assert served(FILE.encode()).openai({"user-name": "Ada"}, text="hi") == {
        "model": "gpt-5.4",
        "messages": [{"role": "user", "content": "Ada: hi"}],
        "max_completion_tokens": 300,
        "top_p": 0.5,
        "stop": ["END"],
        "logit_bias": {"50256": -100},
        "top_k": 40,
    }


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("maxCompletionTokens", "max_completion_tokens"),
        ("topP", "top_p"),
        ("n", "n"),
        ("reasoning_effort", "reasoning_effort"),
        ("frequency-penalty", "frequency_penalty"),
        ("Temperature", "temperature"),
    ],
)
def test_snake_case(written: str, name: str) -> None:
    """However it is written."""
    assert snake_case(written) == name


@pytest.mark.parametrize("model", ["openai/gpt-5.4", "gpt-5.4"])
def test_litellm_wants_the_publisher(model: str) -> None:
    """The request is the same otherwise."""
    rendered = RENDERED._replace(model=model)

    assert make_litellm_request(rendered) == {**make_openai_request(rendered), "model": model}
    assert make_openai_request(rendered)["model"] == "gpt-5.4"


def test_a_parameter_never_takes_the_place_of_the_prompts_own() -> None:
    """Neither the model nor the messages; a format that the prompt lacks goes through."""
    parameters = {"model": "other", "messages": [], "tools": [], "response_format": {"type": "json_object"}}
    request = make_openai_request(RENDERED._replace(parameters=parameters))

    assert (request["model"], request["messages"], request["tools"]) == ("gpt-5.4-mini", CONVERSATION, TOOLS)
    assert request["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        (SCHEMA, {"name": "x", "schema": SCHEMA}),
        ({"schema": SCHEMA}, {"name": "x", "schema": SCHEMA}),
        (
            {
                "name": "an answer",
                "strict": True,
                "schema": SCHEMA,
                "description": "d",
                "type": "json_schema",
            },
            {"name": "an_answer", "strict": True, "schema": SCHEMA, "description": "d"},
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "y", "strict": None, "schema": SCHEMA}},
            {"name": "y", "schema": SCHEMA},
        ),
    ],
)
def test_a_schema_is_wrapped_as_the_api_wants_it(schema: Any, written: Any) -> None:
    """Alone, as GitHub's files have it, or as a whole format."""
    file = {
        "responseFormat": "json_schema",
        "jsonSchema": schema,
        "messages": [{"role": "user", "content": "x"}],
    }
    prompt = served(json.dumps(file).encode())

    assert prompt.response_format == {"type": "json_schema", "json_schema": written}
    assert prompt.openai()["response_format"] == prompt.response_format


def test_text_needs_no_format() -> None:
    """Nor do empty tools need a place in the request."""
    prompt = served(b"messages: [{role: user, content: hi}]")

    assert prompt.response_format is None
    assert prompt.openai().keys() == {"messages"}


def test_what_an_application_changes_it_changes_for_itself() -> None:
    """All callers share a prompt."""
    prompt = served(FILE.encode())
    values = {"user-name": "Ada", "text": "hi"}
    before = prompt.openai(values)
    for request in (prompt.openai(values), prompt.litellm(values), prompt.anthropic(values)):
        changed: Any = request
        changed["messages"][0]["content"] = "bye"
        changed.get("logit_bias", {}).clear()
        changed.get("stop", changed.get("stop_sequences")).append("more")

    assert prompt.openai(values) == before


def test_tools_are_copies() -> None:
    """In requests, and as properties."""
    prompt = served(EVERY_KEY)
    before = (prompt.tools, prompt.tool_choice, prompt.response_format)
    request: Any = prompt.openai(GIVEN)
    for tools, choice, written in (
        (prompt.tools, prompt.tool_choice, prompt.response_format),
        (request["tools"], request["tool_choice"], request["response_format"]),
    ):
        changed: Any = (tools[0]["function"]["parameters"]["properties"], choice, written)
        for mapping in changed:
            mapping.clear()
    prompt.anthropic(GIVEN)["tools"][0]["input_schema"].clear()

    assert (prompt.tools, prompt.tool_choice, prompt.response_format) == before


def test_the_history_is_the_applications() -> None:
    """It goes in as it is, and no request changes it."""
    history = json.loads(json.dumps(GIVEN["history"]))
    served(EVERY_KEY).anthropic(GIVEN | {"history": history})

    assert history == GIVEN["history"]


WORDS = st.sampled_from(
    [
        "role",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "file",
        "file_data",
        "tool_calls",
        "id",
        "function",
        "name",
    ]
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "x", "tool", "text", "file", "https://a.b"])
)
JSON = st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner), max_leaves=9)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system"]) | JSON},
    optional={"content": JSON | st.lists(JSON), "tool_calls": JSON | st.lists(JSON), "tool_call_id": JSON},
)


@given(messages=st.lists(MESSAGES | JSON, max_size=3), tools=st.lists(JSON, max_size=2), choice=JSON)
@settings(max_examples=100, deadline=None)
def test_whatever_is_spliced_in_is_a_request_or_a_clear_error(messages: Any, tools: Any, choice: Any) -> None:
    """An application's history comes from anywhere."""
    said = f"{RENDERED.name}: all is well"
    try:
        make_anthropic_request(RENDERED._replace(messages=messages, tools=tools, tool_choice=choice))
    except PromptUnsupported as error:
        said = str(error)

    assert said.startswith(f"{RENDERED.name}: ")


@pytest.mark.parametrize("api", ["openai", "anthropic", "litellm"])
def test_variables_are_those_of_messages(api: str) -> None:
    """And as strict."""
    with pytest.raises(VariablesMissing, match="user-name"):
        getattr(served(FILE.encode()), api)(text="hi")
    with pytest.raises(TypeError, match="variables go by name"):
        getattr(served(FILE.encode()), api)("hi")
