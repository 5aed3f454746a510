"""OpenAI's chat completions as far as they say no: what the real one refuses is refused here, over HTTP."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, get_args

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.shared.chat_model import ChatModel

if TYPE_CHECKING:
    from collections.abc import Iterator

PARAMETERS = CompletionCreateParamsNonStreaming.__required_keys__ | (
    CompletionCreateParamsNonStreaming.__optional_keys__
)
REASONING = re.compile(r"o\d|gpt-[5-9]")  # models that think, or may be told to
SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "logit_bias")
ROLES = ("developer", "system", "user", "assistant")
BAD, UNKNOWN = 400, 404


class Refusal(Exception):
    """A request that the real one would refuse: a status, and a sentence."""


class OpenAIApi:
    """Answers `POST /v1/chat/completions`; `asked` are the requests that it took."""

    def __init__(self, url: str) -> None:
        self.url = url
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


def refuse(body: dict[str, Any]) -> None:
    """Raise Refusal for what is unknown, not supported by the model, or no message."""
    if unknown := body.keys() - PARAMETERS:
        raise Refusal(BAD, f"Unknown parameter: {sorted(unknown)}")
    if body.get("model") not in get_args(ChatModel):
        raise Refusal(UNKNOWN, f"The model {body.get('model')!r} does not exist")
    if REASONING.match(body["model"]) and (found := body.keys() & {"max_tokens", *SAMPLING}):
        raise Refusal(BAD, f"Unsupported parameter: {sorted(found)} is not supported with this model")
    for message in body["messages"]:
        if message.keys() != {"role", "content"} or message["role"] not in ROLES:
            raise Refusal(BAD, f"Invalid message: {message}")
        if not isinstance(message["content"], str):
            raise Refusal(BAD, "Invalid type for content")
    _refuse_format(body.get("response_format", {"type": "text"}), json.dumps(body["messages"]))


def _refuse_format(wanted: dict[str, Any], messages: str) -> None:
    if wanted["type"] == "json_object" and "json" not in messages.lower():
        raise Refusal(BAD, "'messages' must contain the word 'json' in some form")
    if wanted["type"] == "json_schema":
        schema = wanted["json_schema"]
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", schema.get("name", "")):
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


@contextmanager
def serve() -> Iterator[OpenAIApi]:
    """Serve it on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, answer = 200, api.answer(self.path, body)
            except Refusal as refusal:
                status, words = refusal.args
                answer = {"error": {"message": words, "type": "invalid_request_error"}}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its base's name
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api = OpenAIApi(f"http://127.0.0.1:{server.server_port}/v1")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
