"""What sets one protocol apart from another: its paths, its scheme of authentication, its errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import APIRouter
    from starlette.datastructures import Headers
    from starlette.types import Scope

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services


class Refusal(NamedTuple):
    """Why a request is refused, as our own API says it.

    Attributes:
        status: of HTTP.
        code: of the problem, such as ``unknown_prompt``.
        detail: what was wrong, and what to do.
        path: that of the request.
        method: that of the request.
    """

    status: int
    code: str
    detail: str
    path: str
    method: str


class Protocol(NamedTuple):
    """One protocol.

    Attributes:
        name: the key under ``[protocols]`` in the operator's file.
        owns: whether a path is one of its own.
        authorization: finds the token in the headers; returns ``Bearer <token>``, or None.
        error: writes a refusal as its clients read it: the status, and the body as JSON.
        router: its endpoints.
        open_paths: those that need no token.
        admit: returns what finds the token of a request that has it in no header; None for all others.
    """

    name: str
    owns: Callable[[str], bool]
    authorization: Callable[[Headers], str | None]
    error: Callable[[Refusal], tuple[int, Mapping[str, Any]]]
    router: APIRouter
    open_paths: frozenset[str] = frozenset()
    admit: Callable[[Scope], Callable[[Services], Token] | None] = lambda _: None


def switched_off(protocol: Protocol, path: str, method: str) -> Refusal:
    """Return the refusal of a protocol that the operator did not switch on."""
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "switched_off",
        f"this protocol is switched off; write `{protocol.name} = true` under [protocols] into the file "
        "that PROMPTSTAGE_CONFIG names, and restart the registry",
        path,
        method,
    )


def bearer(headers: Headers) -> str | None:
    """Find a token in ``Authorization: Bearer``, as our own API has it."""
    return headers.get("authorization")
