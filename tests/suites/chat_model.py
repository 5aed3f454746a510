"""A model of the tests' own, by chat completions over HTTP: it says what a function says, or fails."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

from model_server import Raw
from model_server import serve as serve_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Say = Callable[[str], str]

MODEL = "gpt-5.4-mini"


def answer_of(text: str, model: str = f"{MODEL}-2026-03-05", **message: Any) -> dict[str, Any]:
    """Return an answer of chat completions."""
    said = {"role": "assistant", "content": text, **message}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


class ChatModel:
    """Answers what `say` says of the last message.

    Attributes:
        url: the base URL.
        asked: the requests, in the order of their arrival.
        script: what comes instead of answers, first come, first served.
        refused_at: when that was the case last, by the monotonic clock.
    """

    def __init__(self, address: str, say: Say) -> None:
        self.url = f"{address}/v1"
        self.say = say
        self.asked: list[dict[str, Any]] = []
        self.script: list[Raw] = []
        self.refused_at: float | None = None
        self._lock = threading.Lock()

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer, or fail as the script says."""
        assert path == "/v1/chat/completions"
        with self._lock:
            self.asked.append(body)
            if self.script:
                self.refused_at = time.monotonic()
                raise self.script.pop(0)
        return answer_of(self.say(body["messages"][-1]["content"]))


def serve(say: Say) -> AbstractContextManager[ChatModel]:
    """Serve a model on a free port."""
    return serve_model(lambda address: ChatModel(address, say))


def refusal(status: int, code: str | None = None, **headers: str) -> Raw:
    """Return an error in the shape of the real ones; names of headers are written with underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    error = {"message": "not now", "type": "error", "code": code}
    return Raw(status, json.dumps({"error": error}).encode(), headers=sent)
