"""The arguments of OpenAI's chat completions, and of LiteLLM's `completion`, which takes the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from promptstage.requests.rendered import without_publisher

if TYPE_CHECKING:
    from promptstage.requests.rendered import Rendered
    from promptstage.requests.shapes import OpenAIRequest

RENAMED = {
    "max_tokens": "max_completion_tokens",  # the models that reason refuse the old name
    "max_output_tokens": "max_completion_tokens",
    "stop_sequences": "stop",
}


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
