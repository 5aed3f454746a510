"""The applications under a supervisor that has a logging configuration: they do not call `install`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from promptstage.middleware import ASGIMiddleware, WSGIMiddleware
from promptstage.testing import Client

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

client = Client.of({f"p{number}": "This is it" for number in range(20)})


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Get the prompt that the path names, and log a line."""
    assert scope["type"] == "http"
    await client.aget(scope["path"][1:])
    logging.getLogger("app").info("answering")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


app = ASGIMiddleware(answer)


def answer_wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """The same."""
    client.get(environ["PATH_INFO"][1:])
    logging.getLogger("app").info("answering")
    start_response("200 OK", [])
    return []


wsgi = WSGIMiddleware(answer_wsgi)
