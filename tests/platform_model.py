"""A model that answers as OpenAI's and Anthropic's do, always the same, for the recordings of `vectors/otlp`.

What it does is in the text that it is asked: `[tool]` asks for a tool first, `[429]` refuses, `[cut]` breaks
a stream off after the third chunk.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = "The customer wants the parcel. It was sent on Monday. A refund was promised.".split()  # noqa: SIM905
DATED = {"gpt-4.1": "gpt-4.1-2025-04-14", "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14"}
DATED |= {"gpt-5-mini": "gpt-5-mini-2025-08-07", "claude-sonnet-4-5": "claude-sonnet-4-5-20250929"}
CHAT_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 24,
    "total_tokens": 144,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0},
}
RESPONSES_USAGE = {
    "input_tokens": 120,
    "output_tokens": 24,
    "total_tokens": 144,
    "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 8},
}
MESSAGES_USAGE = {"input_tokens": 56, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 16}
numbers = count(1)


@contextmanager
def serve() -> Iterator[str]:
    """Serve it; return its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Model(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer it."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(raw)
        if b"[429]" in raw:
            self._send(429, json.dumps(_refusal(self.path)).encode(), "application/json")
            return
        wants_tool = b"[tool]" in raw and not any(
            word in raw for word in (b'"tool_call_id"', b'"tool_use_id"', b'"function_call_output"')
        )
        events = list(_events(self.path, body, wants_tool=wants_tool))
        if not body.get("stream"):
            self._send(200, json.dumps(events[-1]).encode(), "application/json")
        else:
            cut = b"[cut]" in raw
            ends = b"data: [DONE]\n\n" if self.path.endswith("/completions") and not cut else b""
            sent = _stream(events[:3] if cut else events[:-1]) + ends
            self._send(200, sent, "text/event-stream", cut=cut)

    def _send(self, status: int, data: bytes, kind: str, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) + 100 * cut))  # a connection that ends too early
        self.send_header("request-id", "req_fake")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = cut

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its base's name
        """Be silent."""


def _refusal(path: str) -> dict[str, Any]:
    if path.endswith("/messages"):
        return {"type": "error", "error": {"type": "rate_limit_error", "message": "Rate limited"}}
    return {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}


def _stream(events: list[dict[str, Any]]) -> bytes:
    """Return events as they are sent; those with a type say it twice."""
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if "type" in event else ""
        lines.append(f"{name}data: {json.dumps(event)}\n\n")
    return "".join(lines).encode()


def _events(path: str, body: dict[str, Any], *, wants_tool: bool) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream, and the whole answer at last."""
    model = DATED[body["model"]]
    if path.endswith("/messages"):
        return _messages(model, wants_tool=wants_tool)
    if path.endswith("/responses"):
        return _responses(model, wants_tool=wants_tool)
    has_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    return _chat(model, wants_tool=wants_tool, has_usage=has_usage)


def _chat(model: str, *, wants_tool: bool, has_usage: bool) -> Iterator[dict[str, Any]]:
    number = f"chatcmpl-{next(numbers):06}"
    shared = {"id": number, "created": 1, "model": model, "service_tier": "default"}
    chunk = shared | {"object": "chat.completion.chunk"}
    for word in WORDS:
        delta = {"role": "assistant", "content": f"{word} "}
        yield chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if has_usage:
        yield chunk | {"choices": [], "usage": CHAT_USAGE}
    message: dict[str, Any] = {"role": "assistant", "content": " ".join(WORDS), "refusal": None}
    if wants_tool:
        function = {"name": "get_order", "arguments": '{"order": "A-1"}'}
        call = {"id": "call_1", "type": "function", "function": function}
        message |= {"content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "logprobs": None}
    choice["finish_reason"] = "tool_calls" if wants_tool else "stop"
    yield shared | {"object": "chat.completion", "choices": [choice], "usage": CHAT_USAGE}


def _responses(model: str, *, wants_tool: bool) -> Iterator[dict[str, Any]]:
    number = f"resp_{next(numbers):06}"
    part = {"type": "output_text", "text": " ".join(WORDS), "annotations": []}
    item: dict[str, Any] = {"type": "message", "id": "msg_1", "status": "completed"}
    item |= {"role": "assistant", "content": [part]}
    if wants_tool:
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed"}
        item |= {"name": "get_order", "arguments": '{"order": "A-1"}'}
    begun: dict[str, Any] = {
        "id": number, "object": "response", "created_at": 1, "model": model, "status": "in_progress",
        "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    done = begun | {"status": "completed", "output": [item], "usage": RESPONSES_USAGE}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "sequence_number": 0, "response": begun}
    for index, word in enumerate(WORDS, 1):
        delta = {"type": "response.output_text.delta", "sequence_number": index, "delta": f"{word} "}
        yield {**delta, **place, "logprobs": []}
    yield {"type": "response.completed", "sequence_number": len(WORDS) + 1, "response": done}
    yield done


def _messages(model: str, *, wants_tool: bool) -> Iterator[dict[str, Any]]:
    number = f"msg_{next(numbers):06}"
    shared = {"id": number, "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    begun: dict[str, Any] = shared | {
        "content": [],
        "stop_reason": None,
        "usage": MESSAGES_USAGE | {"output_tokens": 1},
    }
    yield {"type": "message_start", "message": begun}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in WORDS:
        delta = {"type": "text_delta", "text": f"{word} "}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 24}}
    yield {"type": "message_stop"}
    block: dict[str, Any] = {"type": "text", "text": " ".join(WORDS)}
    if wants_tool:
        block = {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {"order": "A-1"}}
    reason = "tool_use" if wants_tool else "end_turn"
    yield shared | {
        "content": [block], "stop_reason": reason, "usage": MESSAGES_USAGE | {"output_tokens": 24},
    }  # fmt: skip
