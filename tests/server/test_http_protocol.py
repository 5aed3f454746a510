"""Who sends or takes next to nothing is cut off, and so is who never ends; others notice nothing of it."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from support import PATIENCE, until

from registry.api.http import fast_path
from registry.server import http_protocol, workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

    from registry.api.http.answers import Answer

BIG = 50 << 20  # bytes


def at_once(scope: Scope) -> Answer | None:
    """Answer what needs no waiting."""
    return (200, b"content-length: 2\r\n\r\n", b"at") if scope["path"] == "/at-once" else None


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, but for /refuse; answer with its length, or with very much."""
    if scope["type"] == "lifespan":
        scope["state"][fast_path.STATE] = at_once
        await send({"type": "lifespan.startup.complete"})
        return
    length, more = 0, scope["path"] != "/refuse"
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = bytes(BIG) if scope["path"] == "/big" else b"%d" % length
    if scope["path"].startswith("/headers"):
        body = repr((scope["path"], scope["headers"])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that has a tenth of a second's patience."""
    monkeypatch.setattr(http_protocol, "SECONDS", 0.1)
    config = uvicorn.Config(
        app, http=http_protocol.BoundedHttpProtocol, lifespan="on", log_config=None, timeout_keep_alive=1
    )
    running = uvicorn.Server(config)
    with workers.listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        until(lambda: running.started, "the server")
        yield listener.getsockname()[1]
        running.should_exit = True
        thread.join(PATIENCE)


def ask(port: int, sent: bytes) -> bytes:
    """Send bytes and nothing more, and read until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def is_gone(connection: socket.socket) -> bool:
    """Whether nothing more can be sent."""
    try:
        connection.sendall(bytes(1 << 16))
    except OSError:
        return True
    return False


def refusal(answer: bytes) -> tuple[int, Any]:
    """The status and the code of a problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    return int(head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"],
    ids=["nothing", "part of a line", "part of the headers", "part of the body"],
)
def test_a_request_that_does_not_come_is_not_awaited(port: int, sent: bytes) -> None:
    """Whichever part of it is missing."""
    assert refusal(ask(port, sent)) == (408, "too_slow")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nX: " + b"x" * http_protocol.MAX_HEADER_BYTES,
        b"GET /" + b"x" * http_protocol.MAX_HEADER_BYTES,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
        + b"x" * http_protocol.MAX_HEADER_BYTES,
    ],
    ids=["headers", "url", "trailers"],
)
def test_headers_without_end_are_refused(port: int, sent: bytes) -> None:
    """They would be kept in memory until there is none."""
    assert refusal(ask(port, sent)) == (431, "headers_too_large")


MANY = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1500) for number in range(99))
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n" + MANY + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * (http_protocol.MAX_HEADER + 1) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a:\r\n" * (http_protocol.MAX_HEADERS + 1) + b"\r\n",
        b"GET /" + b"x" * http_protocol.MAX_HEADER_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        CHUNKED + MANY + b"\r\n",
    ],
    ids=["many bytes", "one of many bytes", "many", "url", "trailers"],
)
def test_too_large_headers_are_refused_though_they_come_at_once(port: int, sent: bytes) -> None:
    """A whole request may be read from its connection in one go."""
    assert refusal(ask(port, sent)) == (431, "headers_too_large")


def test_a_trailer_is_no_header(port: int) -> None:
    """Who asks was found out before it came."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(CHUNKED.replace(b"/ ", b"/headers ", 1) + b"Authorization: Bearer x\r\n\r\n")
        answer = connection.recv(1 << 16)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"authorization" not in answer


@pytest.mark.parametrize("sent", [b"GET /\r\n\r\n", b"GET / HTTP/0.9\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n"])
def test_another_version_of_http_is_refused(port: int, sent: bytes) -> None:
    """An answer without a status line says nothing, and its sender would take whatever comes."""
    status, code = refusal(ask(port, sent))

    assert (status, code) in {(505, "http_version"), (400, "invalid_http")}


def test_of_a_long_path_only_the_ends_are_looked_at(port: int) -> None:
    """It names nothing, and to decode and match it would take as long as it is."""
    path = b"/headers/" + b"%41" * 20_000 + b"/end"
    told = ask(port, b"GET " + path + b" HTTP/1.1\r\nConnection: close\r\n\r\n").partition(b"\r\n\r\n")[2]

    assert b"/headers/A" in told
    assert b"A/end" in told
    assert len(told) < http_protocol.MAX_PATH


def test_a_url_too_long_to_be_taken_apart(port: int) -> None:
    """It is well-formed HTTP, and the answer says what is too long."""
    sent = b"GET /headers?" + b"a=1&" * 20_000 + b" HTTP/1.1\r\n\r\n"

    assert refusal(ask(port, sent)) == (422, "url_too_long")


@pytest.mark.parametrize(
    ("count", "answered"), [(http_protocol.MAX_WAITING, True), (10_000, False)], ids=["few", "thousands"]
)
def test_only_so_many_requests_wait_on_a_connection(port: int, count: int, *, answered: bool) -> None:
    """Those are answered; with thousands, others would wait for all of them, so that connection ends."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * (count - 1) + b"GET / HTTP/1.0\r\n\r\n")
        found: list[bytes] = []
        with suppress(ConnectionResetError):
            found += iter(lambda: connection.recv(1 << 16), b"")

    assert (b"".join(found).count(b"HTTP/1.1 200") == count) is answered


def test_what_is_no_http_is_refused_like_everything_else(port: int) -> None:
    """As a problem, with a code."""
    assert refusal(ask(port, b"EHLO example.org\r\n")) == (400, "invalid_http")


def test_a_refused_body_is_not_taken_for_ever(port: int) -> None:
    """Its sender may read the answer, and go on for a moment."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n")
        answer = connection.recv(1 << 16)
        until(lambda: is_gone(connection), "the end of the connection")

    assert answer.startswith(b"HTTP/1.1 200")


def test_a_refused_body_is_not_taken_whole(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast it comes: reading it would cost others their time."""
    monkeypatch.setattr(http_protocol, "SECONDS", PATIENCE)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n")
        sent = 0
        while not is_gone(connection):
            sent += 1 << 16

    assert http_protocol.MAX_REFUSED_BYTES <= sent < 4 * http_protocol.MAX_REFUSED_BYTES


def test_who_takes_nothing_of_an_answer_is_cut_off(port: int) -> None:
    """Its answer would stay in memory, and little of it stays with the kernel."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /big HTTP/1.1\r\n\r\n")
        threading.Event().wait(0.5)
        taken = sum(map(len, iter(lambda: connection.recv(1 << 16), b"")))

    assert 0 < taken < 4 * workers.UNSENT_BYTES


def whole(connection: socket.socket) -> bytes:
    """An answer to its end, in however many pieces it comes."""
    answer = connection.recv(1 << 16)
    while b"chunked" in answer and not answer.endswith(b"\r\n0\r\n\r\n"):
        answer += connection.recv(1 << 16)
    return answer


def test_who_goes_on_sending_is_served(port: int) -> None:
    """A body takes the time that it needs, as long as it comes on; and a connection is kept."""
    body = bytes(1 << 20)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (len(body) * 4))
        for _ in range(4):
            threading.Event().wait(0.06)
            connection.sendall(body)
        assert whole(connection).endswith(b"4194304\r\n0\r\n\r\n")
        threading.Event().wait(0.3)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert whole(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/", "/at-once"])
def test_a_connection_is_kept_while_it_is_used(port: int, path: str) -> None:
    """However long that is; one on which nothing comes any more is ended after a while."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        for _ in range(5):
            connection.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            assert whole(connection).startswith(b"HTTP/1.1 200")
            threading.Event().wait(0.3)
        assert connection.recv(1) == b""
