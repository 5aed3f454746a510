"""The way into protocols: switched on or not, their tokens in, their errors out.

All rooms refuse requests as problems (RFC 9457): tokens, limits, deadlines, validation, endpoints. This is
the one place where a problem becomes what a protocol's clients understand.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match

from registry.api.http.answers import KEEP, KeptAnswer, plain_headers
from registry.api.http.auth import ADMIT, OPEN, PROTOCOL
from registry.api.http.dependencies import MAX_BODY_BYTES
from registry.protocols.protocol import Protocol, Refusal, switched_off

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from registry.api.http.dependencies import Services

PROBLEM = "application/problem+json"
AUTHORIZATION = "promptstage.authorization"  # in the scope: the header as the client sent it


class Gateway:
    """Middleware that lets requests of protocols in; it runs before authentication."""

    def __init__(self, app: ASGIApp, protocols: Sequence[Protocol]) -> None:
        self._app = app
        self._protocols = protocols

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app as the protocol of the path wants it; other requests pass unchanged."""
        protocol = self._of(scope["path"]) if scope["type"] == "http" else None
        if protocol is None:
            return await self._app(scope, receive, send)
        if not getattr(scope["app"].state.services.protocols, protocol.name):
            status, body = protocol.error(switched_off(protocol, scope["path"], scope["method"]))
            return await JSONResponse(body, status)(scope, receive, send)
        send = Keeper(scope, Translation(protocol, scope, send))
        scope[PROTOCOL], scope[OPEN] = protocol.name, scope["path"] in protocol.open_paths
        scope[AUTHORIZATION] = Headers(scope=scope).get("authorization", "")
        if admit := protocol.admit(scope):
            scope[ADMIT] = admit
        scope["headers"] = _authorized(scope, protocol)
        return await self._app(scope, receive, send)

    def _of(self, path: str) -> Protocol | None:
        return next((protocol for protocol in self._protocols if protocol.owns(path)), None)


class Endpoints(BaseRoute):
    """Leads what the gateway let in to its protocol's router.

    As the first of an app's routes: trying all the others takes as long as most answers.
    """

    def __init__(self, protocols: Sequence[Protocol]) -> None:
        self._routers = {
            protocol.name: APIRouter(routes=protocol.router.routes, max_body_size=MAX_BODY_BYTES)
            for protocol in protocols
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match every request that speaks a protocol."""
        return (Match.FULL if PROTOCOL in scope else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the router, which answers unknown paths and methods, too."""
        await self._routers[scope[PROTOCOL]](scope, receive, send)


class Keeper:
    """Sends what an app answers, and keeps it if the endpoint said so; see `registry.api.http.answers`."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._services: Services = scope["app"].state.services
        self._moment = self._services.answers.moment
        headers = plain_headers(scope)  # as the client sent them
        authorization = headers and headers.get(b"authorization")
        self._question = authorization and (scope["path"], scope["query_string"], authorization)
        self._start: Message = {}

    async def __call__(self, message: Message) -> None:
        """Send a message, and keep a whole answer."""
        if message["type"] == "http.response.start":
            self._start = message
        elif KEEP in self._scope and self._question and not message.get("more_body"):
            self._services.answers.put(self._question, self._kept(message["body"]))
        await self._send(message)

    def _kept(self, body: bytes) -> KeptAnswer:
        scope, start = self._scope, self._start
        head = b"".join(b"%s: %s\r\n" % pair for pair in start["headers"]) + b"\r\n"
        return KeptAnswer(
            moment=self._moment,
            token=scope["state"]["token"],
            route=scope["route"].path_format,
            decided=scope[KEEP],
            answer=(start["status"], head, body),
        )


class Translation:
    """Sends what an app answers, its problems as errors of a protocol."""

    def __init__(self, protocol: Protocol, scope: Scope, send: Send) -> None:
        self._protocol = protocol
        self._scope = scope
        self._send = send
        self._start: Message | None = None  # of a problem whose body is still to come
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Send a message, or keep it until the problem is complete."""
        if message["type"] == "http.response.start" and Headers(raw=message["headers"]).get(
            "content-type", ""
        ).startswith(PROBLEM):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start, json.loads(self._body))

    async def _finish(self, start: Message, problem: dict[str, Any]) -> None:
        scope = self._scope
        refusal = Refusal(start["status"], problem["code"], problem["detail"], scope["path"], scope["method"])
        status, content = self._protocol.error(refusal)
        body = json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-type"], headers["content-length"] = "application/json", str(len(body))
        await self._send({**start, "status": status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _authorized(scope: Scope, protocol: Protocol) -> list[tuple[bytes, bytes]]:
    """Return the headers with the protocol's token where our own API has it."""
    found = protocol.authorization(Headers(scope=scope))
    others = [header for header in scope["headers"] if header[0] != b"authorization"]
    return [*others, (b"authorization", found.encode("latin-1", "replace"))] if found else others
