"""ASGI and WSGI middleware: each request begins without a stamp, has one key, and leaves nothing behind.

app.add_middleware(ASGIMiddleware, header="X-User-Id")  # FastAPI, Starlette
application = ASGIMiddleware(get_asgi_application(), cookie="sessionid")  # Django
app.wsgi_app = WSGIMiddleware(app.wsgi_app, key=lambda environ: environ["REMOTE_USER"])  # Flask

All that a request runs (threads of sync endpoints, dependencies, child tasks, the body as it is sent,
background tasks) shares one stamp: what one of them gets, the log lines of all say.
"""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from promptstage.keys import Defaults, as_key, check_attributes, given, only
from promptstage.limits import KEY_CHARACTERS
from promptstage.stamp import shared

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
    from contextlib import AbstractContextManager
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
    WSGIApp = WSGIApplication

App = TypeVar("App")
Name = TypeVar("Name", str, bytes)  # of a header
T = TypeVar("T")

_BEGUN_BY = "promptstage.middleware"  # in the scope or environ: one further in only adds what it finds
_logger = logging.getLogger("promptstage")


class Middleware(Generic[App, Name]):
    """Gives each request its key, its attributes and an empty stamp.

    The key is what `key` returns, else that header's value, else that cookie's, else a random one: all
    `get` of one request stay on one arm. A value that is empty, too long or not UTF-8 is none. One within
    another, say where it is known who is logged in, adds what it finds to the request that has begun.

    Args:
        app: what it wraps. Around everything else, it lets the server's access log name the prompt too.
        header: the name of a header with the key. Whoever can send it chooses the arm.
        cookie: the name of a cookie with the key, taken as it was sent.
        key: a function of the request (the ASGI scope, the WSGI environ) that returns the key, or None.
            If it raises, the request goes on without; the first time that is logged.
        attributes: a function of the request that returns the attributes, or None; likewise.
    """

    _cookie_header: Name

    def __init__(
        self,
        app: App,
        *,
        header: str | None = None,
        cookie: str | None = None,
        key: Callable[[Any], str | int | None] | None = None,
        attributes: Callable[[Any], Mapping[str, object] | None] | None = None,
    ) -> None:
        self._app = app
        self._header: Name | None = self._name(header) if header else None
        self._cookie = cookie
        self._key = _Ask("key", key, as_key)
        self._attributes = _Ask("attributes", attributes, _as_attributes)

    @contextmanager
    def _request(self, request: Any) -> Iterator[None]:
        nested = request.setdefault(_BEGUN_BY, self) is not self
        with nullcontext() if nested else shared(), self._given(request, nested=nested):
            yield

    def _given(self, request: Any, *, nested: bool) -> AbstractContextManager[None]:
        key = self._key(request) or self._sent_key(request)
        attributes = self._attributes(request)
        if nested:
            return given(key, attributes)
        return only(Defaults(key or os.urandom(16).hex(), attributes))

    def _sent_key(self, request: Any) -> str | None:
        return next(filter(None, map(_usable, self._sent(request))), None)

    def _sent(self, request: Any) -> Iterator[str]:
        if self._header:
            yield from self._values(request, self._header)
        if self._cookie:
            for line in self._values(request, self._cookie_header):
                yield from _cookies(line, self._cookie)

    def _name(self, header: str) -> Name:
        """Return the name of a header as a request has it."""
        raise NotImplementedError

    def _values(self, request: Any, name: Name) -> Iterable[str]:
        """The values of a header, as Latin-1."""
        raise NotImplementedError


class ASGIMiddleware(Middleware["ASGIApp", bytes]):
    """For FastAPI, Starlette, Django under ASGI: see `Middleware`. WebSocket connections are requests."""

    _cookie_header = b"cookie"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; what is none (lifespan) passes untouched."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        with self._request(scope):
            await self._app(scope, receive, send)

    def _name(self, header: str) -> bytes:
        return header.lower().encode("latin-1")

    def _values(self, request: Scope, name: bytes) -> Iterable[str]:
        return [value.decode("latin-1") for given, value in request["headers"] if given == name]


class WSGIMiddleware(Middleware["WSGIApp", str]):
    """For Flask, Django under WSGI: see `Middleware`. A request ends when the server closes its body."""

    _cookie_header = "HTTP_COOKIE"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run one request."""
        with ExitStack() as request:
            request.enter_context(self._request(environ))
            return _Body(self._app(environ, start_response), request)

    def _name(self, header: str) -> str:
        return "HTTP_" + header.upper().replace("-", "_")

    def _values(self, request: WSGIEnvironment, name: str) -> Iterable[str]:
        value = request.get(name)
        return () if value is None else (value,)


class _Body:
    """A WSGI body, whose end is the end of the request."""

    def __init__(self, body: Iterable[bytes], request: ExitStack) -> None:
        self._body = body
        self._request = request.pop_all()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """End the application's body, and then the request."""
        with self._request:
            if close := getattr(self._body, "close", None):
                close()


class _Ask(Generic[T]):
    """An application's own function of the request, which may fail without failing the request."""

    def __init__(
        self, what: str, function: Callable[[Any], Any] | None, check: Callable[[Any], T | None]
    ) -> None:
        if not (function is None or callable(function)):
            raise TypeError(
                f"{what} is a function of the request; a header is named with header=, a cookie with cookie="
            )
        self._what = what
        self._function = function
        self._check = check
        self._said = False

    def __call__(self, request: Any) -> T | None:
        if self._function is None:
            return None
        try:
            return self._check(self._function(request))
        except Exception:
            if not self._said:
                self._said = True
                _logger.exception(
                    "The middleware's %s function failed; such requests go on without it (said once)",
                    self._what,
                )
            return None


def _as_attributes(found: Mapping[str, object] | None) -> Mapping[str, object] | None:
    if found is not None:
        check_attributes(found)
    return found


def _usable(value: str) -> str | None:
    """Decode what was sent as a key; None if it is none. Servers hand UTF-8 over as Latin-1."""
    try:
        text = value.encode("latin-1").decode().strip()
    except UnicodeError:
        return None
    return text if len(text) <= KEY_CHARACTERS else None


def _cookies(line: str, wanted: str) -> Iterator[str]:
    """The values that a Cookie header has for a name."""
    # Not with http.cookies: one bad cookie there loses all.
    for cookie in line.split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == wanted:
            yield value.strip('"')
