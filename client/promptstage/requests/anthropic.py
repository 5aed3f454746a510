"""The arguments of Anthropic's messages. Pure.

What a prompt says (messages, tools, the format of the answer) is converted, or refused; what tunes another
API alone (`seed`, `temperature`) is left out. Content that is in Anthropic's own shapes stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from promptstage.errors import PromptUnsupported
from promptstage.limits import MAX_TOKENS
from promptstage.requests.anthropic_messages import convert_messages
from promptstage.requests.rendered import without_publisher

if TYPE_CHECKING:
    from promptstage.model import Json
    from promptstage.requests.rendered import Rendered
    from promptstage.requests.shapes import AnthropicRequest

RENAMED = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
}
LEFT_OUT = frozenset({
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "modalities",
    "moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "response_format", "safety_identifier", "seed",
    "store", "stream_options", "temperature", "top_k", "top_logprobs", "top_p", "user", "verbosity",
    "web_search_options",
})  # fmt: skip
"""Parameters that Anthropic's API refuses: those of OpenAI's API alone and, since 2026, those of sampling."""


def make_anthropic_request(rendered: Rendered) -> AnthropicRequest:
    """Build the request.

    Raises:
        PromptUnsupported: Anthropic's API cannot carry a message, a tool or the format of the answer.
    """
    system, messages = convert_messages(rendered.name, rendered.messages)
    own: dict[str, Any] = {"model": without_publisher(rendered.model)} if rendered.model else {}
    own |= {"messages": messages} | ({"system": system} if system else {})
    request = {"max_tokens": MAX_TOKENS} | _parameters(rendered.parameters) | own
    if format_ := _format(rendered):
        request["output_config"] = _mapping(request.get("output_config")) | {"format": format_}
    if rendered.tools:
        request["tools"] = [
            _tool(tool, f"{rendered.name}: tools[{i}]") for i, tool in enumerate(rendered.tools)
        ]
    one_at_a_time = rendered.parameters.get("parallel_tool_calls") is False
    if rendered.tool_choice is not None or (one_at_a_time and rendered.tools):
        request["tool_choice"] = _tool_choice(rendered, one_at_a_time=one_at_a_time)
    return cast("AnthropicRequest", request)


def _parameters(given: Json) -> Json:
    """Name the parameters as Anthropic's API does."""
    named = {RENAMED.get(name, name): value for name, value in given.items() if name not in LEFT_OUT}
    if isinstance(named.get("stop_sequences"), str):
        named["stop_sequences"] = [named["stop_sequences"]]
    if "reasoning_effort" in named:
        effort = named.pop("reasoning_effort")
        effort = "low" if effort in ("none", "minimal") else effort
        named["output_config"] = {"effort": effort} | _mapping(named.get("output_config"))
    return named


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _format(rendered: Rendered) -> Json | None:
    wanted = rendered.response_format
    if wanted is None:
        return None
    if wanted["type"] != "json_schema":
        raise PromptUnsupported(
            f"{rendered.name}: Anthropic's API has no {wanted['type']}; "
            "give the file `responseFormat: json_schema` and a jsonSchema"
        )
    return {"type": "json_schema", "schema": wanted["json_schema"]["schema"]}


def _tool(tool: Any, where: str) -> Json:
    function = tool.get("function") if isinstance(tool, dict) else None
    if isinstance(function, dict) and "name" in function:
        schema = function.get("parameters") or {"type": "object", "properties": {}}
        told = {key: function[key] for key in ("name", "description", "strict") if function.get(key)}
        return told | {"input_schema": schema}
    if isinstance(tool, dict) and "name" in tool:  # in Anthropic's own shape, such as a tool that it runs
        return tool
    raise PromptUnsupported(f"{where} is no function with a name; Anthropic's API wants one, so remove it")


def _tool_choice(rendered: Rendered, *, one_at_a_time: bool) -> Json:
    """Convert the choice; only here can Anthropic's API be told to call one tool at a time."""
    match rendered.tool_choice or "auto":
        case "auto" | "none" as plain:
            choice: Json = {"type": plain}
        case "required":
            choice = {"type": "any"}
        case {"function": {"name": name}}:
            choice = {"type": "tool", "name": name}
        case other:
            raise PromptUnsupported(
                f"{rendered.name}: Anthropic's API has no tool choice like {other}; "
                "write auto, none, required, or the name of a function"
            )
    if one_at_a_time and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return choice
