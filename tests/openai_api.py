"""OpenAI's chat completions as far as they say no: what the real one refuses is refused here, over HTTP."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

from model_server import BAD, UNKNOWN, Refusal
from model_server import serve as serve_model
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.shared.chat_model import ChatModel
from sdk_shapes import misfit

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

REASONING = re.compile(r"o\d|gpt-[5-9]")  # models that think, or may be told to
SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "logit_bias")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # of a schema or a function


class OpenAIApi:
    """Answers `POST /v1/chat/completions`; `asked` are the requests that it took."""

    def __init__(self, address: str) -> None:
        self.url = f"{address}/v1"
        self.asked: list[dict[str, Any]] = []

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer as the model would. Raises Refusal."""
        if path != "/v1/chat/completions":
            raise Refusal(UNKNOWN, f"Invalid URL {path}")
        refuse(body)
        self.asked.append(body)
        message = {"role": "assistant", "content": "an answer", "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }


def serve() -> AbstractContextManager[OpenAIApi]:
    """Serve it on a free port."""
    return serve_model(OpenAIApi)


def refuse(body: dict[str, Any]) -> None:
    """Raise Refusal for what is unknown, of another shape, or not supported by the model."""
    if wrong := misfit(body, CompletionCreateParamsNonStreaming):
        raise Refusal(BAD, wrong)
    if body["model"] not in get_args(ChatModel):
        raise Refusal(UNKNOWN, f"The model {body['model']!r} does not exist")
    if REASONING.match(body["model"]) and (found := body.keys() & {"max_tokens", *SAMPLING}):
        raise Refusal(BAD, f"Unsupported parameter: {sorted(found)} is not supported with this model")
    _refuse_unanswered(body["messages"])
    _refuse_format(body.get("response_format", {"type": "text"}), json.dumps(body["messages"]))
    _refuse_tools(body)


def _refuse_unanswered(messages: list[dict[str, Any]]) -> None:
    """Each call of a tool is answered by the messages after it, and each of these answers a call."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                raise Refusal(BAD, "messages with role 'tool' must be a response to a preceding tool_calls")
            waiting.remove(message["tool_call_id"])
        elif waiting:
            raise Refusal(BAD, f"tool_calls did not have response messages: {sorted(waiting)}")
        waiting |= {call["id"] for call in message.get("tool_calls") or ()}
    if waiting:
        raise Refusal(BAD, f"tool_calls did not have response messages: {sorted(waiting)}")


def _refuse_tools(body: dict[str, Any]) -> None:
    if "tools" in body and not body["tools"]:
        raise Refusal(BAD, "[] is too short - 'tools'")
    functions = [tool["function"] for tool in body.get("tools", ())]
    for function in functions:
        if not NAME.fullmatch(function["name"]):
            raise Refusal(BAD, "Invalid 'tools[0].function.name': string does not match pattern")
        if function.get("parameters", {"type": "object"}).get("type") != "object":
            raise Refusal(
                BAD, "Invalid schema for function: schema must be a JSON Schema of 'type: \"object\"'"
            )
        if function.get("strict"):
            _refuse_loose(function["parameters"])
    if not functions and (found := body.keys() & {"tool_choice", "parallel_tool_calls"}):
        raise Refusal(BAD, f"{sorted(found)} is only allowed when 'tools' are specified")
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice["function"]["name"] not in [f["name"] for f in functions]:
        raise Refusal(BAD, "Tool choice not found in 'tools' parameter")


def _refuse_format(wanted: dict[str, Any], messages: str) -> None:
    if wanted["type"] == "json_object" and "json" not in messages.lower():
        raise Refusal(BAD, "'messages' must contain the word 'json' in some form")
    if wanted["type"] == "json_schema":
        schema = wanted["json_schema"]
        if not NAME.fullmatch(schema["name"]):
            raise Refusal(BAD, "Missing or invalid json_schema.name")
        if schema.get("strict"):
            _refuse_loose(schema["schema"])


def _refuse_loose(schema: dict[str, Any]) -> None:
    """A strict schema requires all that it names, and closes every object."""
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise Refusal(BAD, "'additionalProperties' is required to be supplied and to be false")
        if set(schema.get("required", ())) != set(schema["properties"]):
            raise Refusal(BAD, "'required' must include every key in properties")
        for inner in schema["properties"].values():
            _refuse_loose(inner)
