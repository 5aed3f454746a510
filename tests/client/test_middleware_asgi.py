"""Requests of ASGI applications on a real server: what their log lines say, and which arm they are on."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from client.apps import fast
from client.apps.shared import arms, client, log, names
from client.serving import Lines, ask, body, get, uvicorn_serving
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from promptstage import context, logs
from promptstage.middleware import ASGIMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request


class Around:
    """An application around another that logs when a request begins, is answered, and is over."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the one inside."""
        name = scope.get("path", "-").rpartition("/")[2]

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                log.info("%s answered", name)
            await send(message)

        log.info("%s begins", name)
        await self.app(scope, receive, answer)
        log.info("%s over", name)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The FastAPI application, with the middleware inside of what logs requests."""
    app = Around(ASGIMiddleware(fast.app, header="X-User-Id", cookie="user", attributes=attributes_of))
    with uvicorn_serving(app) as port:
        yield port


def attributes_of(scope: Any) -> dict[str, object] | None:
    """One tenant is known."""
    return {"tenant": "acme"} if (b"x-tenant", b"acme") in scope["headers"] else None


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the application and the server log."""
    lines = Lines()
    logs.install()
    loggers = [logging.getLogger(name) for name in ("app", "uvicorn.access")]
    for logger in loggers:
        logger.addHandler(lines)
        logger.setLevel(logging.INFO)
    yield lines
    for logger in loggers:
        logger.removeHandler(lines)


@pytest.mark.parametrize("dependency", [function.__name__ for function in fast.dependencies])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_a_dependency_gets_the_whole_request_says(
    port: int, lines: Lines, kind: str, dependency: str
) -> None:
    """Whichever of them run in threads, up to the log line of whoever is around the middleware."""
    ask(port, get(f"/{kind}/{dependency}/p1"))
    stamps = lines.of("p1")

    assert (stamps.pop("begins"), stamps.pop("over")) == ("-", "-")
    assert stamps.keys() - {"dependency"} == {"endpoint", "answered"}
    assert set(stamps.values()) == {"p1@1.0.0"}


def test_the_servers_access_log_says_it_too(port: int, lines: Lines) -> None:
    """It is written while the answer is sent."""
    ask(port, get("/sync/in_a_thread/p1"))
    lines.of("p1")

    assert [stamp for text, stamp in lines.seen if "GET /sync" in text] == ["p1@1.0.0"]


def test_child_tasks_share_the_requests_stamp(port: int, lines: Lines) -> None:
    """What a child gets, its parent says."""
    ask(port, get("/child/p1"))

    assert lines.of("p1") == {
        "begins": "-",
        "endpoint": "p1@1.0.0",
        "answered": "p1@1.0.0",
        "over": "-",
    }


def test_a_block_stays_exact(port: int, lines: Lines) -> None:
    """Its stamp is its own."""
    ask(port, get("/block/p1"))
    stamps = lines.of("p1")

    assert stamps["block"].startswith("rolling@")
    assert (stamps["endpoint"], stamps["answered"]) == ("p1@1.0.0", "p1@1.0.0")


def test_the_stamp_lasts_while_the_body_is_sent_and_after(port: int, lines: Lines) -> None:
    """A generator's lines have it, and background tasks too."""
    ask(port, get("/stream/p1"))
    stamps = lines.of("p1")

    assert [stamps[where] for where in ("one", "two", "background", "over")] == ["p1@1.0.0"] * 3 + ["-"]


def test_a_block_lasts_while_the_body_is_sent(port: int, lines: Lines) -> None:
    """From its begin to its end, and not longer."""
    ask(port, get("/stream_block/p1"))
    stamps = lines.of("p1")

    assert [stamps[where] for where in ("one", "two", "over")] == ["p1@1.0.0", "p1@1.0.0", "-"]


def test_requests_on_one_connection_do_not_mix(port: int, lines: Lines) -> None:
    """Also when they are sent in one write: each begins without a stamp."""
    wanted = [f"/sync/in_a_thread/{name}" if int(name[1]) % 2 else f"/bare/{name}" for name in names]
    ask(port, *map(get, wanted))

    for number, name in enumerate(names):
        stamp = f"{name}@1.0.0" if number % 2 else "-"
        assert lines.of(name) == {
            "begins": "-",
            "endpoint": stamp,
            "answered": stamp,
            "over": "-",
        }


@pytest.mark.parametrize("path", ["/meet", "/ameet"])
def test_requests_at_the_same_time_do_not_mix(port: int, lines: Lines, path: str) -> None:
    """Neither in threads nor in tasks."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: ask(port, get(f"{path}/{name}")), names[:4]))

    for name in names[:4]:
        assert lines.of(name)["endpoint"] == f"{name}@1.0.0"


@pytest.mark.parametrize("sent", [{"X_User_Id": "{}"}, {"Cookie": "a=b; user={}; c"}])
def test_a_user_stays_on_one_arm(port: int, sent: dict[str, str]) -> None:
    """The header's or cookie's value is the key."""
    for user in map(str, range(10)):
        headers = {name: value.format(user) for name, value in sent.items()}
        expected = client.get("rolling", key=user, stamp=False).version
        assert body(ask(port, get("/arms", **headers)))["rolling"] == [expected]


def test_a_request_stays_on_one_arm_without_a_user(port: int) -> None:
    """Its key is random: one for all it gets, and another for the next request."""
    found = [body(ask(port, get("/arms")))["rolling"] for _ in range(30)]

    assert all(len(versions) == 1 for versions in found)
    assert {version for versions in found for version in versions} == {"1.0.0", "2.0.0"}


def test_attributes_come_from_the_request(port: int) -> None:
    """So a tenant gets what it is to try."""
    assert body(ask(port, get("/arms", X_Tenant="acme")))["audience"] == "2.0.0"
    assert body(ask(port, get("/arms")))["audience"] == "1.0.0"


def test_a_pipelined_request_inherits_neither_key_nor_attributes(port: int) -> None:
    """Who is next on a connection may be someone else."""
    both = get("/arms", X_User_Id="7", X_Tenant="acme"), get("/arms")
    second = [body(ask(port, *both)) for _ in range(30)]

    assert {arms["audience"] for arms in second} == {"1.0.0"}
    assert {version for arms in second for version in arms["rolling"]} == {"1.0.0", "2.0.0"}


def test_starlette_takes_it_as_any_middleware(lines: Lines) -> None:
    """With its arguments; others within it share the stamp, and a key nearer to the work goes first."""

    async def which(request: Request) -> JSONResponse:
        await client.aget("p2")
        with context(key=request.query_params["user"]):
            return JSONResponse(arms())

    async def dispatch(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        log.info("p2 dispatched")
        return response

    own = Middleware(ASGIMiddleware, header="X-User-Id")
    app = Starlette(
        routes=[Route("/arms", which)], middleware=[own, Middleware(BaseHTTPMiddleware, dispatch=dispatch)]
    )
    with uvicorn_serving(app) as port:
        for user in map(str, range(10)):
            expected = client.get("rolling", key=user, stamp=False).version
            assert body(ask(port, get(f"/arms?user={user}", X_User_Id="7")))["rolling"] == [expected]

    assert lines.of("p2", last="dispatched") == {"dispatched": "p2@1.0.0"}


def test_an_error_handler_around_the_application_says_the_prompt(lines: Lines) -> None:
    """And so does the access log, if the middleware is around all of it, whatever else is within."""

    def fail(request: Request) -> None:
        client.get("p3")
        raise KeyError

    def handle(request: Request, error: Exception) -> Response:
        log.error("p3 failed")
        return Response(status_code=500)

    app = Starlette(routes=[Route("/fail", fail)], exception_handlers={Exception: handle})
    app.add_middleware(ASGIMiddleware, header="X-User-Id")
    with uvicorn_serving(ASGIMiddleware(app)) as port:
        ask(port, get("/fail"))

    assert lines.of("p3", last="failed") == {"failed": "p3@1.0.0"}
    assert [stamp for text, stamp in lines.seen if "GET /fail" in text] == ["p3@1.0.0"]
