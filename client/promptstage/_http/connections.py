"""Connections to one registry by urllib3, which no other module imports.

One for each exchange: they are rare (the stream is one exchange that lasts), and so there is no pool that
could hold a dead socket or be shared across a fork. Reports alone share one while it is young.
"""

from __future__ import annotations

import codecs
import ssl
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as RequestTimeout
from urllib3.util import Url, parse_url

from promptstage import limits
from promptstage._http.deadline import BoundedResponse, Deadline
from promptstage._http.registry_errors import Fault
from promptstage._http.sockets import Sockets, shut
from promptstage.clock import uptime

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from urllib3.response import HTTPResponse

    Headers = dict[str, str]
    Response = HTTPResponse

# What `getaddrinfo` looks up. A process that is forked in the middle of an import keeps half a module, and
# would never connect: so whatever a thread of ours needs is imported before it starts.
codecs.lookup("idna")

IN_TESTS = "an application's tests use the client of promptstage.testing"


class Request(NamedTuple):
    """A request to send.

    Attributes:
        path: below the registry's url.
        keep: whether the next such request may share the connection; they come from one thread at a time.
        unanswered: the error if a connection is there, and no answer in time.
    """

    method: str
    path: str
    headers: Headers
    body: bytes | None = None
    keep: bool = False
    unanswered: type[Fault] = Fault


class Connections:
    """The connections of one client.

    Args:
        url: of the registry.
        timeout: seconds for a connection, and for an answer.

    Raises:
        ValueError: the URL is not valid.
    """

    def __init__(self, url: str, timeout: float) -> None:
        try:
            parsed = parse_url(url)
        except HTTPError:  # its message has no remedy
            parsed = Url(auth=url.partition("@")[1])
        if parsed.auth:
            raise ValueError(
                "a registry's url holds no user or password; pass token=, or set PROMPTSTAGE_TOKEN"
            )
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError(f"{url!r} is no registry; it should look like https://prompts.example.org")
        self._timeout = timeout
        self._connect = HTTPSConnection if parsed.scheme == "https" else HTTPConnection
        self._host, self._port = parsed.host.strip("[]"), parsed.port
        self._prefix = (parsed.path or "").rstrip("/")
        self._sockets = Sockets()
        self._kept: tuple[HTTPConnection, float] | None = None
        self._stopped = False

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
    def exchange(self, request: Request) -> Iterator[tuple[Response, socket.socket, Deadline]]:
        """Send a request, and yield the answer as it comes. Raises Fault."""
        connection = self._take_kept() if request.keep else self._make()
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
            method, path, headers, body, *_ = request
            url = self._prefix + path
            with _foreign():
                connection.request(method, url, body, headers, preload_content=False, decode_content=False)
                response = connection.getresponse()
            try:
                yield response, sock, deadline
                is_whole = True
            finally:
                response.close()
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            late = sock is not None and isinstance(error, TimeoutError)
            raise (request.unanswered if late else Fault)(_in_words(error, self._timeout)) from error
        finally:
            if request.keep and is_whole and connection.sock is not None and not self._stopped:
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
        """Connect, unless something stands in for the network."""
        with _foreign():
            connection.connect()
        if connection.sock is None:
            raise Fault(f"something stands in for the network, and gives no connection; {IN_TESTS}")
        return connection.sock

    def _dial(self, connection: HTTPConnection) -> socket.socket:
        """Connect as urllib3 does, with a socket that `stop` and `forget` know before it is connected."""
        try:
            return self._sockets.dial(self._host, connection.port, self._timeout)
        except TimeoutError:
            raise
        except OSError as error:
            raise NewConnectionError(connection, str(error)) from error


@contextmanager
def _foreign() -> Iterator[None]:
    """Report what is no error of HTTP: libraries for tests stand in for sockets, and forbid many things."""
    try:
        yield
    except (OSError, HTTPException, HTTPError, ValueError, Fault):
        raise
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {error}; {IN_TESTS}") from error


def read_all(response: Response) -> bytes:
    """Read the body, if it is not too large. Raises ValueError."""
    body = bytearray()
    while chunk := response.read1(limits.READ_BYTES):
        body += chunk
        if len(body) > limits.BODY_BYTES:
            raise ValueError(f"an answer of more than {limits.BODY_BYTES} bytes")
    return bytes(body)


def read_some(response: Response) -> bytes:
    """Read what has come of the body. Raises TimeoutError."""
    try:
        return response.read1(limits.READ_BYTES)
    except RequestTimeout as error:
        raise TimeoutError from error


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
