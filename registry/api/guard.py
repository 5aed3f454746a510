"""Who asks is found out before anything of a body is read: a stranger costs next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from registry.api import problem, webhooks
from registry.errors import RegistryError
from registry.rollouts import clock

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

    from registry.access.tokens import Token
    from registry.api.parts import Parts


class Guard:
    """Lets only those in whose token is known, and leaves the token in the request's state for `needs`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 (or 503, if no token can be read), or go on."""
        if scope["type"] == "http" and _is_guarded(scope["path"]):
            try:
                scope.setdefault("state", {})["token"] = _find(scope)
            except RegistryError as error:
                return await problem.of(error)(scope, receive, send)
        return await self._app(scope, receive, send)


def install(app: FastAPI) -> None:
    """Guard an app; what was installed before is behind it."""
    app.add_middleware(Guard)


def _is_guarded(path: str) -> bool:
    """Webhooks have no token, but a signature over their body."""
    return path.startswith(("/v1/", "/metrics")) and path != webhooks.PATH


def _find(scope: Scope) -> Token:
    parts: Parts = scope["app"].state.parts
    replica = parts.rollouts.replica
    if replica.problem and not replica.keyring:  # nobody's token is wrong, only the journal is
        raise replica.problem
    return replica.keyring.find(Headers(scope=scope).get("authorization"), clock.now())
