"""Ask a registry over HTTP with urllib3, which no other module imports.

One connection for each exchange: they are rare (the stream is one exchange that lasts), and so there
is no pool that could hold a dead socket or be shared across a fork. Reports alone share one while it is
young.
"""

from __future__ import annotations

import codecs
import json
import ssl
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as RequestTimeout
from urllib3.util import parse_url

from promptstage import limits
from promptstage._http.deadline import BoundedResponse, Deadline
from promptstage._http.event_stream import Stream
from promptstage._http.registry_errors import NOT_FOUND, Fault, NoStream, fault_of, problem
from promptstage._http.sockets import Sockets, shut
from promptstage.clock import uptime

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from urllib3.response import HTTPResponse

    from promptstage.model import Json

    Headers = dict[str, str]
    Token = str | Callable[[], str] | None

# What `getaddrinfo` looks up. A process that is forked in the middle of an import keeps half a module, and
# would never connect: so whatever a thread of ours needs is imported before it starts.
codecs.lookup("idna")

OK, NOT_MODIFIED = 200, 304
TAKEN = range(200, 300)
UNAUTHORIZED = 401
REDIRECTS = range(300, 400)
TROUBLE, NOT_IMPLEMENTED = 500, 501
NO_SUCH_PATH = "not_found"  # the code of a registry's 404 that is about the url, not about a prompt
EVENT_STREAM = "text/event-stream"
IN_TESTS = "an application's tests use the client of promptstage.testing"


class Answer(NamedTuple):
    """An answer: 200, 304, or a 404 of the registry itself."""

    status: int
    etag: str | None
    body: bytes

    @property
    def code(self) -> str:
        """The ``code`` of a problem, or an empty text."""
        return problem(self.body).get("code", "")

    @property
    def detail(self) -> str:
        """The ``detail`` of a problem, which says what to do, or an empty text."""
        return problem(self.body).get("detail", "")


class Transport:
    """Everything that goes over the wire to one registry.

    Raises:
        ValueError: the URL or the token is not valid.
        TypeError: the token is neither text nor callable.
    """

    def __init__(self, url: str, token: Token, timeout: float) -> None:
        parsed = parse_url(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError(f"{url!r} is no registry; it should look like https://prompts.example.org")
        if parsed.auth:
            raise ValueError(
                "a registry's url holds no user or password; pass token=, or set PROMPTSTAGE_TOKEN"
            )
        self._token = token if callable(token) else _checked(token)
        self.url = url.rstrip("/")
        self._timeout = max(timeout, limits.ANSWER_TIMEOUT)
        self._connect = HTTPSConnection if parsed.scheme == "https" else HTTPConnection
        self._host, self._port = parsed.host.strip("[]"), parsed.port
        self._prefix = (parsed.path or "").rstrip("/")
        self._headers = {"User-Agent": f"promptstage/{_version()}", "Accept": "application/json"}
        self._sockets = Sockets()
        self._kept: tuple[HTTPConnection, float] | None = None
        self._stopped = False

    def fetch(self, path: str, *, etag: str | None = None) -> Answer:
        """GET a path of the API.

        Raises:
            Fault: there was no answer in time, or none that says anything about the path.
        """
        headers = self._headers | self._authorization() | ({"If-None-Match": etag} if etag else {})
        with self._exchange("GET", path, headers) as (response, *_):
            body = self._read(response)
            answer = Answer(response.status, response.headers.get("ETag"), body)
            missing = response.status == NOT_FOUND and answer.code not in {"", NO_SUCH_PATH}
            if missing or response.status in {OK, NOT_MODIFIED}:
                return answer
            raise self._fault(path, response, body)

    def post(self, path: str, body: bytes) -> bytes:
        """POST a body of JSON, compressed; returns that of the answer. From one thread at a time.

        Where one follows another within seconds they share a connection: a fleet that reports once a second
        would cost its registry a TLS handshake each time.

        Raises:
            Fault: there was no answer in time, or one by whose `status` the body was not taken.
        """
        headers = self._headers | self._authorization()
        headers |= {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        with self._exchange("POST", path, headers, body, keep=True) as (response, *_):
            answer = self._read(response)
            if response.status not in TAKEN:
                raise self._fault(path, response, answer)
            return answer

    @contextmanager
    def stream(self, path: str, question: Json) -> Iterator[Stream]:
        """POST a question whose answer is events, each given the moment it arrives.

        Raises:
            NoStream: the answer is something else, or nothing that was sent back in time.
            Fault: there was no connection, or it broke off.
        """
        headers = self._headers | self._authorization()
        headers |= {"Accept": EVENT_STREAM, "Content-Type": "application/json"}
        body = json.dumps(question).encode()
        # A proxy that buffers holds back even the headers.
        exchange = self._exchange("POST", path, headers, body, unanswered=NoStream)
        with exchange as (response, sock, deadline):
            if response.status != OK:
                # A server in trouble may stream again in a moment; one that says no will not.
                troubled = response.status >= TROUBLE and response.status != NOT_IMPLEMENTED
                raise self._fault(path, response, self._read(response), Fault if troubled else NoStream)
            kind = response.headers.get("Content-Type", "")
            if not kind.startswith(EVENT_STREAM):
                raise NoStream(f"asked for a stream, got {kind or 'something without a type'}")
            yield Stream(partial(_read_some, response), sock, deadline)

    def _authorization(self) -> Headers:
        """The token of this very request: a callable's may have been renewed since the last one."""
        try:
            token = _checked(self._token()) if callable(self._token) else self._token
        except (Exception, SystemExit) as error:  # the application's own code, on our thread
            raise Fault(f"the token could not be obtained: {type(error).__name__}: {error}") from error
        return {"Authorization": f"Bearer {token}"} if token else {}

    def stop(self) -> None:
        """End every exchange, and let no new one begin. Whoever waits for one gets a Fault."""
        self._stopped = True
        self._sockets.shut()
        kept, self._kept = self._kept, None
        if kept:
            kept[0].close()

    def forget(self) -> None:
        """In a forked child: let go of the parent's sockets without a word to the other side."""
        self._kept = None
        self._sockets.forget()

    @contextmanager
    def _exchange(  # noqa: PLR0913 - what an exchange is, by keyword
        self,
        method: str,
        path: str,
        headers: Headers,
        body: bytes | None = None,
        *,
        unanswered: type[Fault] = Fault,
        keep: bool = False,
    ) -> Iterator[tuple[HTTPResponse, socket.socket, Deadline]]:
        connection = self._take_kept() if keep else self._make()
        sock: Any = connection.sock
        is_whole = False
        try:
            if sock is None:
                sock = self._open(connection)
                self._sockets.add(sock)  # with TLS it is another one now
            if self._stopped:
                raise Fault("this client is closed")
            deadline = Deadline(self._timeout)
            response_class = partial(BoundedResponse, deadline=deadline)
            connection.response_class = response_class  # type: ignore[assignment]  # it is only called
            url = self._prefix + path
            connection.request(method, url, body, headers, preload_content=False, decode_content=False)
            response = connection.getresponse()
            try:
                yield response, sock, deadline
                is_whole = True
            finally:
                response.close()
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            late = sock is not None and isinstance(error, TimeoutError)
            raise (unanswered if late else Fault)(_in_words(error, self._timeout)) from error
        finally:
            if keep and is_whole and connection.sock is not None and not self._stopped:
                self._kept = connection, uptime()
            else:
                if sock is not None:
                    shut(sock)  # a child that was forked in the middle of a TLS handshake may hold it too
                connection.close()

    def _make(self) -> HTTPConnection:
        connection = self._connect(self._host, self._port, timeout=self._timeout)
        connection._new_conn = partial(self._dial, connection)  # type: ignore[method-assign]  # noqa: SLF001 - as urllib3's own contrib.socks
        return connection

    def _take_kept(self) -> HTTPConnection:
        """Go on with the connection of the last exchange, if it is so young that no server has ended it."""
        (connection, used_at), self._kept = self._kept or (None, 0.0), None
        if connection is None or connection.sock is None:
            return self._make()
        if uptime() - used_at > limits.KEEP_CONNECTION:
            connection.close()
            return self._make()
        connection.sock.settimeout(self._timeout)
        return connection

    def _open(self, connection: HTTPConnection) -> socket.socket:
        """Connect. Libraries for tests stand in for sockets or for HTTP, and forbid it in many ways."""
        try:
            connection.connect()
        except (OSError, HTTPException, HTTPError, ValueError):
            raise
        except Exception as error:
            raise Fault(f"{type(error).__name__}: {error}; {IN_TESTS}") from error
        if connection.sock is None:
            raise Fault(f"something stands in for the network, and gives no connection; {IN_TESTS}")
        return connection.sock

    def _fault(self, path: str, response: HTTPResponse, body: bytes, kind: type[Fault] = Fault) -> Fault:
        location = response.headers.get("Location")
        if location and response.status in REDIRECTS:
            return kind(f"{response.status}: {self._where(path, location)}")
        return fault_of(response.status, response.reason or "", response.headers, body, kind)

    def _where(self, path: str, location: str) -> str:
        """Say what is where a redirect leads. The token is for this host alone, and is not sent there."""
        base = location
        try:
            target = urlsplit(urljoin(self.url + path, location))
            place = target.path.rstrip("/").removesuffix(path.partition("?")[0])
            base = f"{target.scheme}://{target.netloc.rpartition('@')[2]}{place}"
            Transport(base, None, self._timeout).introduce()
        except (Fault, ValueError) as error:
            return f"the url leads to {base}, and no registry answers there ({error})"
        return f"the registry has moved to {base}; use that url"

    def introduce(self) -> None:
        """Find out, without a token, whether a registry is there. Raises Fault."""
        with self._exchange("GET", "/v1/prompts", self._headers) as (response, *_):
            body = self._read(response)
            if response.status != UNAUTHORIZED or not problem(body).get("code"):
                raise fault_of(response.status, response.reason or "", response.headers, body)

    def _dial(self, connection: HTTPConnection) -> socket.socket:
        """Connect as urllib3 does, with a socket that `stop` and `forget` know before it is connected."""
        try:
            return self._sockets.dial(self._host, connection.port, self._timeout)
        except TimeoutError:
            raise
        except OSError as error:
            raise NewConnectionError(connection, str(error)) from error

    def _read(self, response: HTTPResponse) -> bytes:
        """The body, if it is not too large."""
        body = bytearray()
        while chunk := response.read1(limits.READ_BYTES):
            body += chunk
            if len(body) > limits.BODY_BYTES:
                raise ValueError(f"an answer of more than {limits.BODY_BYTES} bytes")
        return bytes(body)


def _read_some(response: HTTPResponse) -> bytes:
    """What has come of an answer. Raises TimeoutError."""
    try:
        return response.read1(limits.READ_BYTES)
    except RequestTimeout as error:
        raise TimeoutError from error


def _checked(token: str | None) -> str:
    if not isinstance(token, str | None):
        raise TypeError(f"a token is a str, or a callable that returns one, not {type(token).__name__}")
    token = (token or "").strip()
    if not (token.isascii() and token.isprintable()):
        # Said here and without the token: later it would be an HTTP error that quotes it.
        raise ValueError("the token holds characters that no token has; was it copied as a whole?")
    return token


def _in_words(error: Exception, timeout: float) -> str:
    if isinstance(error, NewConnectionError):  # urllib3 counts it among the time-outs
        return f"no connection: {getattr(error.__cause__, 'strerror', None) or error}"
    if isinstance(error, TimeoutError | RequestTimeout):
        return f"no answer within {timeout:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; SSL_CERT_FILE names a CA of your own"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or error}; is it http instead of https?"
    return f"{type(error).__name__}: {error}"


def _version() -> str:
    try:
        return version("promptstage")
    except PackageNotFoundError:  # a copied folder instead of an installation
        return "0"
