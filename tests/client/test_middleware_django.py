"""Django on real servers, WSGI and ASGI: what the log lines of requests say, and which arm they are on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from client.apps import djangoic
from client.apps.shared import client, log, names
from client.serving import Lines, ask, body, get, uvicorn_serving, wsgiref_serving

from promptstage import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The same application under both."""
    serving = wsgiref_serving(djangoic.wsgi) if request.param == "wsgi" else uvicorn_serving(djangoic.asgi)
    with serving as port:
        yield port


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the application logs."""
    lines = Lines()
    logs.install()
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    yield lines
    log.removeHandler(lines)


@pytest.mark.parametrize("view", ["sync", "coroutine"])
def test_what_a_view_gets_the_middleware_around_it_says(port: int, lines: Lines, view: str) -> None:
    """Whether the view runs in a thread of its own, or an event loop of its own, or neither."""
    ask(port, get(f"/{view}/p1"))

    assert lines.of("p1", last="middleware") == {"endpoint": "p1@1.0.0", "middleware": "p1@1.0.0"}


def test_requests_one_after_another_do_not_mix(port: int, lines: Lines) -> None:
    """Each begins without a stamp, though one thread or one loop serves them all."""
    for number, name in enumerate(names):
        ask(port, get(f"/{'sync' if number % 2 else 'bare'}/{name}"))

    for number, name in enumerate(names):
        stamp = f"{name}@1.0.0" if number % 2 else "-"
        assert lines.of(name, last="middleware") == {"endpoint": stamp, "middleware": stamp}


@pytest.mark.parametrize(
    ("serving", "view"),
    [(lambda: wsgiref_serving(djangoic.wsgi), "stream"), (lambda: uvicorn_serving(djangoic.asgi), "astream")],
    ids=["wsgi", "asgi"],
)
def test_a_prompt_may_be_had_while_the_body_is_sent(lines: Lines, serving: Any, view: str) -> None:
    """The generator's lines say so."""
    with serving() as port:
        ask(port, get(f"/{view}/p1"))

    assert lines.of("p1", last="endpoint") == {"endpoint": "p1@1.0.0"}


def test_a_user_stays_on_one_arm(port: int) -> None:
    """The header is the key."""
    for user in map(str, range(10)):
        expected = client.get("rolling", key=user, stamp=False).version
        assert body(ask(port, get("/arms", X_User_Id=user)))["rolling"] == [expected]
