"""The application that servers load before they fork: each answer is what a worker serves, as JSON."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

client = Client(prompts=["summarize"])  # gunicorn forks while the thread makes its first connection
client.get(
    "summarize", fallback="none", stamp=False
)  # in uWSGI no thread of ours may be at work when it forks


def app(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer any request."""
    prompt = client.get("summarize", fallback="none")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid(), "version": prompt.version}).encode()]
