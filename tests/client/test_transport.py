"""However an answer drips in, it is waited for until its deadline and no longer."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from promptstage._http.registry_errors import Fault, NoStream, fault_of
from promptstage._http.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DRIP = 0.02  # seconds between two bytes
OK = b"HTTP/1.1 200 OK\r\n"
STREAM = OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"event: heartbeat\ndata: {}\n\n"


@contextmanager
def dripping(at_once: bytes, drip: bytes) -> Iterator[str]:
    """A server that sends something at once, and then a byte at a time, for ever."""
    over = Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(at_once)
            for byte in chain.from_iterable(repeat(drip)):
                if over.wait(DRIP):
                    return
                connection.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def fetch(transport: Transport) -> None:
    """One answer, as a release or a poll has it."""
    transport.fetch("/v1")


def read(transport: Transport) -> None:
    """A stream, to its end."""
    with transport.stream("/v1", {}) as stream:
        list(stream)


@pytest.mark.parametrize(
    ("ask", "at_once", "drip"),
    [
        (fetch, b"", b"H"),
        (fetch, OK, b"x"),
        (fetch, b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (fetch, OK + b"Content-Length: 100000\r\n\r\n", b" "),
        (fetch, OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        (read, b"", b"H"),
        (read, OK, b"x"),
        (read, STREAM, b"0"),
        (read, STREAM, b"2\r\n:\n\r\n"),
        (read, STREAM + b"%x\r\n%s\r\n" % (len(EVENT), EVENT), b"1;x"),
    ],
)
def test_what_drips_has_a_deadline(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Transport], None], at_once: bytes, drip: bytes
) -> None:
    """A status, a header, a body, the size of a chunk, or what is no event: a byte at a time, for ever."""
    monkeypatch.setattr("promptstage.limits.ANSWER_TIMEOUT", 0.2)
    monkeypatch.setattr("promptstage.limits.SILENCE", 0.2)
    with dripping(at_once, drip) as url:
        begun = time.monotonic()
        with pytest.raises(Fault, match=r"no answer within|silen"):
            ask(Transport(url, None, 0.2))

    assert time.monotonic() - begun < 5


def test_headers_that_are_held_back_are_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that buffers sends nothing at all, so this is the moment to begin polling."""
    monkeypatch.setattr("promptstage.limits.ANSWER_TIMEOUT", 0.1)
    with dripping(b"", b"H") as url, pytest.raises(NoStream, match="no answer within"):
        read(Transport(url, None, 0.1))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "86400"}, 60.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "Mon, 01 Jan 2001 00:00:09 GMT", "Date": "Mon, 01 Jan 2001 00:00:00 GMT"}, 9.0),
        ({"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT", "Date": "Mon, 01 Jan 2001 00:00:09 GMT"}, 0.0),
        ({"Retry-After": "Mon, 01 Jan 2001 00:00:09 GMT"}, None),
        ({"Retry-After": "Mon, 01 Jan 2001 00:00:09 GMT", "Date": "Mon, 01 Jan 2001 00:00:00 -0000"}, None),
    ],
)
def test_a_date_to_retry_after_counts_from_the_date_of_the_answer(
    headers: dict[str, str], seconds: float | None
) -> None:
    """The time here may be another one."""
    assert fault_of(503, "", headers, b"").retry_after == seconds
