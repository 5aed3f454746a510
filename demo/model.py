"""A stand-in for a model: OpenAI's chat completions over HTTP, which obey their prompt to the letter.

python -m demo.model PORT    answers on 127.0.0.1 until it is ended.

A larger model takes longer and costs more. Asked for what was promised, it makes up a promise in one answer
of four.
"""

from __future__ import annotations

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECONDS = {"gpt-5.4-mini": 0.04, "gpt-5.4": 0.11}  # that an answer takes, as a median
SPREAD = 0.35  # of the logarithm of those seconds
MADE_UP = 0.25  # of the answers that name a promise
CHARACTERS = 4  # of a token, about
REASONING = {"gpt-5.4-mini": 40, "gpt-5.4": 160}  # tokens, in thinking that nobody sees


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request of the API, as a model of its kind would, in its time."""
    model, told = request["model"], json.dumps(request["messages"])
    time.sleep(SECONDS.get(model, 0.1) * random.lognormvariate(0, SPREAD))
    text = _say(told)
    written, thought = len(text) // CHARACTERS, REASONING.get(model, 0)
    usage = {
        "prompt_tokens": len(told) // CHARACTERS,
        "completion_tokens": written + thought,
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    return {
        "id": f"chatcmpl-{random.getrandbits(64):016x}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{model}-2026-03-05",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": usage,
    }


def _say(told: str) -> str:
    if "romised" in told:
        promise = "a refund of 20 euros" if random.random() < MADE_UP else "delivery on Monday"  # noqa: S311
        return f"Next step: call the carrier about parcel 4711. Promised: {promise}"
    if "ext step" in told:
        return "Next step: call the carrier about parcel 4711, due Monday"
    return "Parcel 4711 is late, it was due on Monday"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = json.dumps(answer(json.loads(body))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """Answers each request in a thread."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of an app that was ended before its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
