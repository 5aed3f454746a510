"""A WSGI application that makes a call for each request, and answers with its id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

client = Client(prompts=["summarize"])


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request."""
    with client.call("summarize", key=environ["HTTP_X_USER_ID"], route=environ["PATH_INFO"]) as call:
        call.record(input_tokens=1, output_tokens=2)
    data = json.dumps({"id": call.id}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]
