"""Authenticate before reading the body, so that an unknown caller costs next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from registry.access.tokens import UnknownToken
from registry.api import webhooks
from registry.api.http import problem, refresh
from registry.errors import Invalid, RegistryError, Unavailable
from registry.system import timestamps

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services

CONSOLE = "/console"
ADMIT = "promptstage.admit"  # in the scope of a request whose token is in no header: finds it
PROTOCOL = "promptstage.protocol"  # in the scope of a request that speaks another system's protocol
OPEN = "promptstage.open"  # beside it: whether this path of it needs no token
MAX_FIELDS = 1000  # per query: each attribute of a caller is one


class Authentication:
    """Middleware that requires a known token, and puts it into the request's state for `needs`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 (or 503, if no token can be read), or call the app."""
        if scope["type"] == "http":
            try:
                await _let_in(scope)
            except RegistryError as error:
                return await problem.of(error)(scope, receive, send)
        return await self._app(scope, receive, send)


def install(app: FastAPI) -> None:
    """Install it in an app; middleware installed before runs after it."""
    app.add_middleware(Authentication)


def _is_guarded(scope: Scope) -> bool:
    """Return whether a request needs a token: webhooks have a signature of their body instead."""
    path: str = scope["path"]
    if PROTOCOL in scope:
        return not scope[OPEN]
    return path.startswith(("/v1/", "/metrics")) and path != webhooks.PATH


async def _let_in(scope: Scope) -> None:
    """Authenticate, and drop the unused parts that the framework would parse on the event loop."""
    if scope["path"].startswith(CONSOLE):  # has sessions of its own
        return
    scope["headers"] = [header for header in scope["headers"] if header[0] != b"cookie"]
    if not _is_guarded(scope):
        scope["query_string"] = b""
        return
    scope.setdefault("state", {})["token"] = await _find(scope)
    if scope["query_string"].count(b"&") > MAX_FIELDS:
        raise Invalid(f"a query may have {MAX_FIELDS} fields")


async def _find(scope: Scope) -> Token:
    services: Services = scope["app"].state.services
    replica, authorization = services.rollouts.replica, Headers(scope=scope).get("authorization")
    if replica.problem and not replica.keyring:  # the journal is at fault, not the token
        raise replica.problem
    if admit := scope.get(ADMIT):
        token: Token = admit(services)
        return token
    try:
        return replica.keyring.find(authorization, timestamps.now())
    except UnknownToken as error:
        unknown = error.message
    await refresh.refresh_journal(services)
    try:
        return replica.keyring.find(authorization, timestamps.now())
    except UnknownToken:
        if problem := replica.problem:
            raise Unavailable(
                f"{unknown}. Or it is newer than what could be read: {problem.message}", code=problem.code
            ) from problem
        raise
