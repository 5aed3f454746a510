"""The application that gunicorn loads before it forks: each answer is what a worker finds, as JSON."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from faults.witness import HOT, Truth, seq_of

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

GETS = 20  # for each request
FOLDER = Path(os.environ["FOLDER"])
client = Client(prompts=[HOT], snapshot_dir=FOLDER / "snapshots")
truth = Truth(FOLDER)
born = time.monotonic()


def _is_born() -> None:
    global born  # noqa: PLW0603 - of the process
    born = time.monotonic()


os.register_at_fork(after_in_child=_is_born)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer any request."""
    begun = time.monotonic()
    held = [client.get(HOT, key=key) for key in range(GETS)]
    took = time.monotonic() - begun
    stream = client.status()["stream"]
    since = datetime.fromisoformat(stream["since"])
    body = {
        "pid": os.getpid(),
        "wrong": sum(not truth.is_true(prompt) for prompt in held),
        "seq": seq_of(client),
        "took": took,
        "age": time.monotonic() - born,
        "connected": (datetime.now(UTC) - since).total_seconds() if stream["state"] == "connected" else None,
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
