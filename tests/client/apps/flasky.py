"""Flask, with a log of JSON lines on stderr, as gunicorn starts it."""

from __future__ import annotations

import logging
from threading import Barrier
from typing import TYPE_CHECKING, Any

from client.apps.shared import arms, client, log
from flask import Flask, Response, request, stream_with_context

from promptstage import logs
from promptstage.middleware import WSGIMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

app = Flask(__name__)
app.wsgi_app = WSGIMiddleware(  # type: ignore[method-assign] # as Flask's documentation says
    app.wsgi_app, header="X-User-Id", attributes=lambda environ: {"tenant": environ.get("HTTP_X_TENANT")}
)
meeting = Barrier(4)

logs.install()
handler = logging.StreamHandler()
handler.setFormatter(logs.JsonFormatter())
for name in ("app", "gunicorn.access"):
    logging.getLogger(name).addHandler(handler)
    logging.getLogger(name).setLevel(logging.INFO)


@app.get("/get/<name>")
def get(name: str) -> str:
    """Get a prompt."""
    client.get(name)
    log.info("%s endpoint", name)
    return name


@app.get("/bare/<name>")
def bare(name: str) -> str:
    """Get none."""
    log.info("%s endpoint", name)
    return name


@app.get("/meet/<name>")
def meet(name: str) -> str:
    """Four requests at once."""
    client.get(name)
    meeting.wait(10)
    log.info("%s endpoint", name)
    return name


@app.get("/stream/<name>")
def stream(name: str) -> Response:
    """Get a prompt while the body is sent."""

    def body() -> Iterator[str]:
        client.get(name)
        for part in ("one", "two"):
            log.info("%s %s", name, part)
            yield part

    return Response(stream_with_context(body()))


@app.teardown_request
def teardown(_: BaseException | None) -> None:
    """What an application does last."""
    log.info("%s teardown", (request.view_args or {}).get("name"))


@app.get("/arms")
def which() -> dict[str, Any]:
    """What this user gets."""
    return arms()
