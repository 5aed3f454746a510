"""Ask a registry over HTTP: its paths, a token for each request, and what its answers mean."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

from promptstage import limits
from promptstage._http.connections import Connections, Request, read_all, read_some
from promptstage._http.event_stream import Stream
from promptstage._http.registry_errors import NO_SUCH_PATH, NOT_FOUND, Fault, NoStream, fault_of, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptstage._http.connections import Headers, Response
    from promptstage.model import Json

    Token = str | Callable[[], str] | None

OK, NOT_MODIFIED = 200, 304
TAKEN = range(200, 300)
UNAUTHORIZED = 401
REDIRECTS = range(300, 400)
TROUBLE, NOT_IMPLEMENTED = 500, 501
EVENT_STREAM = "text/event-stream"


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
        self._timeout = min(max(timeout, limits.ANSWER_TIMEOUT), limits.LONGEST_ANSWER)
        self._connections = Connections(url, self._timeout)
        self._token = token if callable(token) else _checked(token)
        self.url = url.rstrip("/")
        self._headers = {"User-Agent": f"promptstage/{_version()}", "Accept": "application/json"}

    def fetch(self, path: str, *, etag: str | None = None) -> Answer:
        """GET a path of the API.

        Raises:
            Fault: there was no answer in time, or none that says anything about the path.
        """
        headers = self._headers | self._authorization() | ({"If-None-Match": etag} if etag else {})
        with self._connections.exchange(Request("GET", path, headers)) as (response, *_):
            body = read_all(response)
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
        with self._connections.exchange(Request("POST", path, headers, body, keep=True)) as (response, *_):
            answer = read_all(response)
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
        request = Request("POST", path, headers, body, unanswered=NoStream)
        with self._connections.exchange(request) as (response, sock, deadline):
            if response.status != OK:
                # A server in trouble may stream again in a moment; one that says no will not.
                troubled = response.status >= TROUBLE and response.status != NOT_IMPLEMENTED
                raise self._fault(path, response, read_all(response), Fault if troubled else NoStream)
            kind = response.headers.get("Content-Type", "")
            if not kind.startswith(EVENT_STREAM):
                raise NoStream(f"asked for a stream, got {kind or 'something without a type'}")
            yield Stream(partial(read_some, response), sock, deadline)

    def _authorization(self) -> Headers:
        """The token of this very request: a callable's may have been renewed since the last one."""
        try:
            token = _checked(self._token()) if callable(self._token) else self._token
        except (Exception, SystemExit) as error:  # the application's own code, on our thread
            raise Fault(f"the token could not be obtained: {type(error).__name__}: {error}") from error
        return {"Authorization": f"Bearer {token}"} if token else {}

    def stop(self) -> None:
        """End every exchange, and let no new one begin. Whoever waits for one gets a Fault."""
        self._connections.stop()

    def forget(self) -> None:
        """In a forked child: let go of the parent's sockets without a word to the other side."""
        self._connections.forget()

    def _fault(self, path: str, response: Response, body: bytes, kind: type[Fault] = Fault) -> Fault:
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
        with self._connections.exchange(Request("GET", "/v1/prompts", self._headers)) as (response, *_):
            body = read_all(response)
            if response.status != UNAUTHORIZED or not problem(body).get("code"):
                raise fault_of(response.status, response.reason or "", response.headers, body)


def _checked(token: str | None) -> str:
    if not isinstance(token, str | None):
        raise TypeError(f"a token is a str, or a callable that returns one, not {type(token).__name__}")
    token = (token or "").strip()
    if not (token.isascii() and token.isprintable()):
        # Said here and without the token: later it would be an HTTP error that quotes it.
        raise ValueError("the token holds characters that no token has; was it copied as a whole?")
    return token


def _version() -> str:
    try:
        return version("promptstage")
    except PackageNotFoundError:  # a copied folder instead of an installation
        return "0"
