"""The application under a supervisor that has a logging configuration: it does not call `install`."""

from __future__ import annotations

import logging
from typing import Any

from promptstage.middleware import ASGIMiddleware
from promptstage.testing import Client

client = Client.of({f"p{number}": "This is it" for number in range(20)})


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Get the prompt that the path names, and log a line."""
    assert scope["type"] == "http"
    await client.aget(scope["path"][1:])
    logging.getLogger("app").info("answering")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


app = ASGIMiddleware(answer)
