"""The arguments of OpenAI's chat completions, and of LiteLLM's `completion`, which takes the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Required, TypedDict, cast

from promptstage.requests.rendered import without_publisher

if TYPE_CHECKING:
    from promptstage.requests.rendered import Rendered

RENAMED = {
    "max_tokens": "max_completion_tokens",  # the models that reason refuse the old name
    "max_output_tokens": "max_completion_tokens",
    "stop_sequences": "stop",
}


class OpenAIRequest(TypedDict, total=False):
    """Arguments for ``client.chat.completions.create(**...)`` of OpenAI's SDK.

    By these keys type checkers know which overload the call is. A prompt may have more parameters, and
    `model` is absent if the prompt names none, as a fallback does.
    """

    model: Required[str]
    messages: Required[list[Any]]
    temperature: Any
    top_p: Any
    max_completion_tokens: Any
    stop: Any
    seed: Any
    frequency_penalty: Any
    presence_penalty: Any
    reasoning_effort: Any
    response_format: Any
    tools: list[Any]
    tool_choice: Any


def make_litellm_request(rendered: Rendered) -> OpenAIRequest:
    """Build the request, with the publisher's prefix of the model."""
    return _make_request(rendered, rendered.model)


def make_openai_request(rendered: Rendered) -> OpenAIRequest:
    """Build the request for OpenAI's own API, and for those that know a model without its publisher."""
    return _make_request(rendered, without_publisher(rendered.model))


def _make_request(rendered: Rendered, model: str) -> OpenAIRequest:
    request = {RENAMED.get(name, name): value for name, value in rendered.parameters.items()}
    if model:
        request["model"] = model
    request["messages"] = rendered.messages
    if rendered.response_format:
        request["response_format"] = rendered.response_format
    if rendered.tools:
        request["tools"] = rendered.tools
    if rendered.tool_choice is not None:
        request["tool_choice"] = rendered.tool_choice
    return cast("OpenAIRequest", request)
