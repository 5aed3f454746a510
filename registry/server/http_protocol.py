"""uvicorn's HTTP protocol with bounds: on slow senders and readers, and on the size of headers.

uvicorn itself ends only connections that are idle after an answer. A proxy in front has such bounds too, but
a registry must not need one to stay up.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from registry.api.http import access_log, fast_path, problem
from registry.api.http.bounds import WORK
from registry.system.work import GONE, Work

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Scope
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

# In this time a request must have arrived, or at least so much of it; and of an answer larger than the
# buffers, so much must have been read: 50 kbit/s, which any network in use provides.
SECONDS = 10.0
ENOUGH_BYTES = 64 << 10
MAX_REFUSED_BYTES = 16 << 20  # of a refused body; reading more of it would cost other requests their time
MAX_WAITING = 8  # pipelined requests of a connection: few clients send any
MAX_HEADER_BYTES = 128 << 10  # the request line and headers; a stream's URL may hold thousands of names
MAX_HEADER = 16 << 10  # bytes of one header: twice what other servers take
MAX_HEADERS = 100  # browsers and proxies send some thirty; each is searched repeatedly
MAX_PATH = 4 << 10  # bytes: four times the longest name, with each letter escaped
MAX_URL = (1 << 16) - 1  # bytes: the parser's limit
VERSIONS = frozenset(("1.0", "1.1"))


Refusal = tuple[HTTPStatus, str, str]  # the detail, and the code
TOO_LARGE = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    (
        f"at most {MAX_HEADER_BYTES} bytes for the request line and all headers, {MAX_HEADER} for one, and "
        f"{MAX_HEADERS} of them"
    ),
    "headers_too_large",
)
URL_TOO_LONG = (
    HTTPStatus.UNPROCESSABLE_ENTITY,
    f"a URL may have {MAX_URL} bytes; send what is long in the body of a POST",
    "url_too_long",
)
NO_VERSION = (HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "send HTTP/1.1", "http_version")


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    # Streams keep connections for days: in its dictionary, which is full, these would take 1.5 KiB more.
    __slots__ = (
        "_at_once",
        "_before_rest",
        "_incomplete",
        "_last_byte",
        "_overhead",
        "_read",
        "_received",
        "_refusal",
        "_sending",
        "_taking",
    )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._received = 0  # bytes
        self._before_rest = 0  # how much of it when the timer of idle connections was set
        self._incomplete = False  # a request has started, and is not complete
        self._overhead = 0  # bytes of the current request outside its body
        self._read = 0  # of which so many arrived together
        self._refusal: Refusal | None = None  # the reason to refuse the current request
        self._last_byte: int | None = None  # the limit of a request refused before it was complete
        self._sending: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._at_once = self.app_state.get(fast_path.STATE, _never)
        self._await_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._received_all()
        self._taken()
        super()._unset_keepalive_if_required()
        work = None if self.cycle is None else self.cycle.scope.get(WORK)
        if isinstance(work, Work):
            work.end(GONE)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count bytes, and refuse endless headers, trailers or empty chunks."""
        self._read = len(data)
        self._received += self._read
        self._overhead += self._read
        if self._last_byte is not None and self._received > self._last_byte:
            return self.transport.abort()
        super().data_received(data)
        if self._incomplete and self._sending is None:
            self._await_more()
        if self._overhead > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(*TOO_LARGE)
        return None

    def on_message_begin(self) -> None:
        """Start waiting for the rest of a request."""
        super().on_message_begin()
        self._incomplete = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header or trailer, as the base class does; one too many stops the parser."""
        name = name.lower()
        if name == b"expect":
            return super().on_header(name, value)
        self.headers.append((name, value))
        if len(self.headers) > MAX_HEADERS:
            self._no_request(TOO_LARGE)
        return None

    def _check_sizes(self) -> None:
        """Refuse a URL or header that is too long."""
        sizes = [len(name) + len(value) for name, value in self.headers]
        if len(self.url) + sum(sizes) > MAX_HEADER_BYTES or max(sizes, default=0) > MAX_HEADER:
            self._no_request(TOO_LARGE)

    def _no_request(self, refusal: Refusal) -> NoReturn:
        """Stop the parser, and refuse the current request."""
        self._refusal = refusal
        raise HttpParserError(refusal[2])

    def on_headers_complete(self) -> None:
        """Start a request of HTTP/1, with a bound on pipelined ones."""
        if self._overhead + self._read > MAX_HEADER:  # below that nothing can be too long
            self._check_sizes()
        if self.parser.get_http_version() not in VERSIONS:
            self._no_request(NO_VERSION)
        if len(self.url) > MAX_PATH:
            self.url = _short(self.url)
            if len(self.url) > MAX_URL:
                self._no_request(URL_TOO_LONG)
        super().on_headers_complete()
        self.headers = []  # trailers follow: the request was accepted, or not, before them
        if len(self.pipeline) > MAX_WAITING:
            raise HttpParserError("too many requests at once")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Write an answer that needs no waiting at once: a task and two messages would double its cost."""
        plain = cycle.keep_alive and not self.flow.write_paused and self._overhead <= MAX_HEADER_BYTES
        answer = self._at_once(cycle.scope) if plain else None
        if answer is None:
            return super()._start_asgi_task(cycle, app)
        status, *rest = answer
        self.transport.write(
            b"".join((STATUS_LINE[status], _lines(*self.server_state.default_headers), *rest))
        )
        cycle.more_body = False  # a request with a body is not answered here
        cycle.response_started = cycle.response_complete = True
        if self.pipeline or self.timeout_keep_alive_task is None:
            return self.on_response_complete()
        self.server_state.total_requests += 1
        return None

    def on_body(self, body: bytes) -> None:
        """Count the bytes of a body."""
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        if self.headers:  # trailers
            self._check_sizes()
        self._overhead = 0
        self._incomplete = False
        if self._sending is not None:
            self._received_all()
        if not self.cycle.response_complete:  # else the base class has nothing to do
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Let a client that was refused early send the rest, within bounds, so that it reads the reason."""
        super()._unset_keepalive_if_required()
        super().on_response_complete()
        self._before_rest = self._received
        if self.cycle.response_complete and self.cycle.more_body and not self.transport.is_closing():
            self._received_all()
            self._sending = self.loop.call_later(SECONDS, self.transport.abort)
            self._last_byte = self._received + MAX_REFUSED_BYTES

    def _unset_keepalive_if_required(self) -> None:
        """Let the timer run on when data arrives: resetting it each time costs a tenth of a request."""

    def timeout_keep_alive_handler(self) -> None:
        """End the connection if nothing arrived since the timer was set, or set it again."""
        self.timeout_keep_alive_task = None
        if self._received == self._before_rest:
            super().timeout_keep_alive_handler()
        elif self.cycle.response_complete:
            self._before_rest = self._received
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def pause_writing(self) -> None:
        """Start timing a client that reads too slowly."""
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        """Stop timing it: most was read."""
        self._taken()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse invalid HTTP with a problem, like all other refusals."""
        if not self.transport.is_closing():
            self._refuse(*(self._refusal or (HTTPStatus.BAD_REQUEST, msg, "invalid_http")))

    def _await_more(self) -> None:
        self._sending = self.loop.call_later(SECONDS, self._check_sent, self._received)

    def _check_sent(self, before: int) -> None:
        if self.flow.read_paused or self._received - before >= ENOUGH_BYTES:
            self._await_more()
        else:
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT, f"the request did not come within {SECONDS:g} s", "too_slow"
            )

    def _received_all(self) -> None:
        self._last_byte = None
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _await_taking(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(SECONDS, self._check_taken, waiting)

    def _check_taken(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() >= ENOUGH_BYTES:
            self._await_taking()
        else:
            self.transport.abort()

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _refuse(self, status: HTTPStatus, detail: str, code: str) -> None:
        """Send the reason, unless an answer has started, and end the connection."""
        if log := self.app_state.get(access_log.STATE):
            log(access_log.NONE, access_log.NONE, status, 0.0, None)
        answering = self.cycle is not None and self.cycle.response_started != self.cycle.response_complete
        if not (answering or self.pipeline):
            answer = problem.answer(status, detail, code, headers={"connection": "close"})
            self.transport.write(
                STATUS_LINE[status] + _lines(*answer.raw_headers) + b"\r\n" + bytes(answer.body)
            )
        self.transport.close()


@lru_cache(1)  # the server's own headers are the same for a second, and are then replaced
def _lines(*headers: tuple[bytes, bytes]) -> bytes:
    """Encode headers."""
    return b"".join(b"%s: %s\r\n" % pair for pair in headers)


def _short(url: bytes) -> bytes:
    """Drop the middle of a path too long for any name: decoding and matching it would take long too."""
    path, mark, query = url.partition(b"?")
    if len(path) > MAX_PATH:
        path = path[: MAX_PATH // 2] + path[-MAX_PATH // 2 :]
    return path + mark + query


def _never(_: Scope) -> None:
    """Answer nothing at once."""
