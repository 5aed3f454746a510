"""What ASGI and WSGI middleware have in common: a request has a key, attributes and a stamp of its own."""

from __future__ import annotations

import asyncio
import logging
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from support import collect_garbage

from promptstage import context
from promptstage.keys import Defaults, current_defaults
from promptstage.middleware import ASGIMiddleware, WSGIMiddleware
from promptstage.stamp import Stamp, current, holder
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

client = Client.of({"summarize": "Summarize", "triage": "Triage"})


class Through(Protocol):
    """Do something as the one request of an application."""

    def __call__(
        self, work: Callable[[], object], headers: dict[str, bytes] | None = None, **settings: Any
    ) -> None:
        """With the middleware's settings."""


def through_asgi(
    work: Callable[[], object], headers: dict[str, bytes] | None = None, **settings: Any
) -> None:
    """As a server does that runs all requests in one context."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        work()

    sent = [(name.lower().encode(), value) for name, value in (headers or {}).items()]
    run(ASGIMiddleware(app, **settings)({"type": "http", "headers": sent}, never, never))


def through_wsgi(
    work: Callable[[], object], headers: dict[str, bytes] | None = None, **settings: Any
) -> None:
    """As a server does that runs all requests in one thread."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        work()
        return []

    environ = {
        f"HTTP_{name.upper().replace('-', '_')}": value.decode("latin-1")
        for name, value in (headers or {}).items()
    }
    close(WSGIMiddleware(app, **settings)(environ, never))


def run(coroutine: Any) -> None:
    """A coroutine that waits for nothing, in this very context."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


def never(*_: object) -> Any:
    """What no test here asks of a server."""
    raise AssertionError


def close(body: Any) -> None:
    """As servers do in the end."""
    body.close()


@pytest.fixture(params=[through_asgi, through_wsgi], ids=["asgi", "wsgi"])
def through(request: pytest.FixtureRequest) -> Through:
    """Each kind."""
    kind: Through = request.param
    return kind


@pytest.fixture(autouse=True)
def _unstamped() -> Iterator[None]:
    token = holder.set(Stamp())
    yield
    holder.reset(token)


def defaults_in(through: Through, headers: dict[str, bytes] | None = None, **settings: Any) -> Defaults:
    """The key and attributes of a request."""
    found: list[Defaults] = []
    through(lambda: found.append(current_defaults()), headers, **settings)
    return found[0]


def test_a_request_begins_and_ends_without_a_stamp(through: Through) -> None:
    """And whoever is around it has the stamp and the key of before."""
    seen: list[str] = []

    def work() -> None:
        seen.append(str(current()))
        client.get("triage")
        seen.append(str(current()))

    with client.use("summarize"), context(key="outer"):
        through(work, {"X-User-Id": b"inner"}, header="X-User-Id")
        assert (str(current()), current_defaults().key) == ("summarize@1.0.0", "outer")
    assert seen == ["-", "triage@1.0.0"]
    assert (str(current()), current_defaults()) == ("-", Defaults())


def test_a_request_that_fails_ends_too(through: Through) -> None:
    """Its error is the application's, as it was."""

    def work() -> None:
        client.get("triage")
        raise KeyError

    with pytest.raises(KeyError):
        through(work)

    assert (str(current()), current_defaults()) == ("-", Defaults())


def test_one_within_another_adds_what_it_finds() -> None:
    """The outer one gives access logs the stamp, the inner one the key, where the user is known."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(current_defaults())
        client.get("triage")
        return []

    def outer(inner: Any) -> Any:
        def around(environ: Any, start_response: Any) -> Any:
            close(inner(environ, start_response))
            assert str(current()) == "triage@1.0.0"
            return []

        return WSGIMiddleware(around, key=lambda _: "u1", attributes=lambda _: {"tenant": "acme"})

    seen: list[Defaults] = []
    close(outer(WSGIMiddleware(app))({}, never))
    close(outer(WSGIMiddleware(app, key=lambda _: "u2", attributes=lambda _: {"plan": "free"}))({}, never))

    assert seen == [Defaults("u1", {"tenant": "acme"}), Defaults("u2", {"tenant": "acme", "plan": "free"})]
    assert (str(current()), current_defaults()) == ("-", Defaults())


def test_what_outlives_a_request_does_not_speak_for_it(through: Through) -> None:
    """A connection pool that begins in a request goes on without its stamp."""
    shared: list[Any] = []

    def work() -> None:
        client.get("triage")
        shared.append(holder.get())

    through(work)

    assert str(shared[0].stamp) == "-"


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"X-User-Id": b"u1"}, "u1"),
        ({"X-User-Id": b"  u1 ", "Cookie": b"uid=u2"}, "u1"),
        ({"X-User-Id": "Müller".encode()}, "Müller"),
        ({"X-User-Id": b"x" * 256}, "x" * 256),
        ({"Cookie": b"a=b; uid=u2"}, "u2"),
        ({"Cookie": b'{"bad": cookie}; xuid=u0; uid="u2"; uid=u3'}, "u2"),
        ({"X-User-Id": b"", "Cookie": b"uid=u2"}, "u2"),
    ],
)
def test_the_key_is_in_a_header_or_cookie(through: Through, headers: dict[str, bytes], key: str) -> None:
    """The first that is usable counts."""
    assert defaults_in(through, headers, header="X-User-ID", cookie="uid").key == key


@pytest.mark.parametrize("value", [b"", b"  ", b"\xff\xfe", b"x" * 257])
@pytest.mark.parametrize("header", ["X-User-Id", "Cookie"])
def test_what_is_no_key_is_a_random_one(through: Through, header: str, value: bytes) -> None:
    """Another for each request; the user sees no error."""
    headers = {header: b"uid=" + value if header == "Cookie" else value}
    keys = {defaults_in(through, headers, header="X-User-Id", cookie="uid").key for _ in range(2)}

    assert {len(key or "") for key in keys} == {32}
    assert len(keys) == 2


def test_the_applications_function_goes_first(through: Through) -> None:
    """It knows who is logged in; None is for the header to answer."""
    headers = {"X-User-Id": b"u1"}

    assert defaults_in(through, headers, header="X-User-Id", key=lambda _: 42).key == "42"
    assert defaults_in(through, headers, header="X-User-Id", key=lambda _: None).key == "u1"
    assert defaults_in(through, attributes=lambda _: {"tenant": "acme"}).attributes == {"tenant": "acme"}
    assert defaults_in(through, attributes=lambda _: None).attributes is None


@pytest.mark.parametrize("bad", [lambda _: 1 / 0, lambda _: 1.5, lambda _: ["acme"]])
def test_a_function_that_fails_fails_no_request(
    through: Through, caplog: pytest.LogCaptureFixture, bad: Callable[[Any], Any]
) -> None:
    """Or returns what is no key and no attributes."""
    defaults = defaults_in(through, {"X-User-Id": b"u1"}, header="X-User-Id", key=bad, attributes=bad)

    assert defaults == Defaults("u1", None)
    assert [line.message.split(" ")[2] for line in caplog.records] == ["key", "attributes"]
    assert all(line.name == "promptstage" and line.exc_info for line in caplog.records)


def test_a_failing_function_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """A log has better things to say than the same for each request."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        return []

    middleware = WSGIMiddleware(app, key=lambda environ: environ["REMOTE_USER"])
    for _ in range(3):
        close(middleware({}, never))

    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.ERROR


@pytest.mark.parametrize("kind", [ASGIMiddleware, WSGIMiddleware])
def test_a_header_given_as_function_is_refused_at_once(kind: Any) -> None:
    """Not at the first request."""
    with pytest.raises(TypeError, match="header="):
        kind(never, key="X-User-Id")


def test_a_websocket_is_a_request_and_lifespan_is_none() -> None:
    """What an application gets as it starts is none of a request's business."""
    seen: list[tuple[str, bool]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        client.get("triage")
        seen.append((scope["type"], current_defaults().key is not None))

    middleware = ASGIMiddleware(app)
    run(middleware({"type": "websocket", "headers": []}, never, never))
    assert str(current()) == "-"
    run(middleware({"type": "lifespan"}, never, never))
    assert str(current()) == "triage@1.0.0"

    assert seen == [("websocket", True), ("lifespan", False)]


def test_child_tasks_of_a_request_share_its_stamp() -> None:
    """Those of another do not."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.create_task(client.aget(scope["name"]))
        await asyncio.sleep(0)
        seen.append(str(current()))

    async def main() -> None:
        await asyncio.gather(
            *(middleware({"type": "http", "name": name}, never, never) for name in ("triage", "summarize"))
        )

    seen: list[str] = []
    middleware = ASGIMiddleware(app)
    asyncio.run(main())

    assert sorted(seen) == ["summarize@1.0.0", "triage@1.0.0"]


def test_a_wsgi_request_lasts_until_its_body_is_closed() -> None:
    """The stamp is there for every part of it, and as the application closes it, whatever that raises."""
    seen: list[str] = []

    def body() -> Generator[bytes]:
        try:
            for part in (b"one", b"two"):
                seen.append(str(current()))
                yield part
        finally:
            seen.append(f"closed {current()}")
            raise KeyError

    def app(environ: Any, start_response: Any) -> Generator[bytes]:
        client.get("triage")
        return body()

    sent: Any = WSGIMiddleware(app)({}, never)
    parts = iter(sent)
    assert [next(parts), next(parts), str(current())] == [b"one", b"two", "triage@1.0.0"]
    with pytest.raises(KeyError):
        sent.close()

    assert seen == ["triage@1.0.0", "triage@1.0.0", "closed triage@1.0.0"]
    assert (str(current()), current_defaults()) == ("-", Defaults())


def test_a_wsgi_body_that_nobody_closes_ends_no_other_request() -> None:
    """When it is thrown away, some other request may just be running."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        return []

    abandoned = [copy_context().run(WSGIMiddleware(app), {}, never)]
    with context(key="u1"):
        client.get("triage")
        abandoned.clear()
        collect_garbage()

        assert (str(current()), current_defaults().key) == ("triage@1.0.0", "u1")
