"""Anthropic's messages as far as they say no: what the real one refuses is refused here, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from anthropic.types.model import Model
from model_server import BAD, UNKNOWN, Refusal
from model_server import serve as serve_model
from sdk_shapes import misfit

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

MODELS = get_args(get_args(Model)[0])


class AnthropicApi:
    """Answers `POST /v1/messages`; `asked` are the requests that it took."""

    def __init__(self, address: str) -> None:
        self.url = address
        self.asked: list[dict[str, Any]] = []

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer as the model would. Raises Refusal."""
        if path != "/v1/messages":
            raise Refusal(UNKNOWN, f"Not found: {path}")
        refuse(body)
        self.asked.append(body)
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": "an answer"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 3},
        }


def serve() -> AbstractContextManager[AnthropicApi]:
    """Serve it on a free port."""
    return serve_model(AnthropicApi)


def refuse(body: dict[str, Any]) -> None:
    """Raise Refusal for what is unknown, of another shape, or against the rules of a conversation."""
    if wrong := misfit(body, MessageCreateParamsNonStreaming):
        raise Refusal(BAD, wrong)
    if body["model"] not in MODELS:
        raise Refusal(UNKNOWN, f"model: {body['model']}")
    if not body["messages"]:
        raise Refusal(BAD, "messages: at least one message is required")
    for content in [body.get("system", "none"), *(message["content"] for message in body["messages"])]:
        _refuse_empty(content)
    last = body["messages"][-1]
    if last["role"] == "assistant" and (end := _texts(last["content"])) and end[-1] != end[-1].rstrip():
        raise Refusal(BAD, "messages: final assistant content cannot end with trailing whitespace")
    _refuse_unanswered(body["messages"])
    names = [tool["name"] for tool in body.get("tools", ())]
    choice = body.get("tool_choice", {"type": "auto"})
    if choice["type"] == "tool" and choice["name"] not in names:
        raise Refusal(BAD, f"Tool '{choice['name']}' not found in provided tools")
    if "tool_choice" in body and not names:
        raise Refusal(BAD, "tool_choice may only be specified while providing tools")
    if wanted := body.get("output_config", {}).get("format"):
        _refuse_open(wanted["schema"])


def _texts(content: Any) -> list[str]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [block["text"] for block in blocks if block["type"] == "text"]


def _refuse_empty(content: Any) -> None:
    if not content or any(not text.strip() for text in _texts(content)):
        raise Refusal(BAD, "messages: text content blocks must contain non-whitespace text")


def _refuse_unanswered(messages: list[dict[str, Any]]) -> None:
    """All calls of tools of one message are answered at the beginning of the next one."""
    waiting: list[str] = []
    for message in messages:
        blocks = message["content"] if isinstance(message["content"], list) else []
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        first = [block["type"] for block in blocks[: len(answered)]]
        if answered != waiting or set(first) - {"tool_result"}:
            raise Refusal(BAD, "`tool_use` ids were found without `tool_result` blocks immediately after")
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]


def _refuse_open(schema: dict[str, Any]) -> None:
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise Refusal(BAD, "output_config.format.schema: 'additionalProperties' must be set to false")
    for inner in schema.get("properties", {}).values():
        _refuse_open(inner)
