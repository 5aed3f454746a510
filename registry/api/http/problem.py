"""Turn errors into answers: one table of status codes, as application/problem+json (RFC 9457)."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from registry import errors
from registry.system.validation import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import FastAPI, Request
    from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)

STATUS: tuple[tuple[type[errors.RegistryError], HTTPStatus], ...] = (
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.Conflict, HTTPStatus.CONFLICT),
    (errors.PreconditionFailed, HTTPStatus.PRECONDITION_FAILED),
    (errors.Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.Unauthorized, HTTPStatus.UNAUTHORIZED),
    (errors.Forbidden, HTTPStatus.FORBIDDEN),
    (errors.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
HEADERS: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "the status in words"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was wrong, and what to do"},
        "code": {"type": "string", "description": "the same for programs"},
        "state": {"type": "object", "description": "of a 409 and 412 about a rollout: what is in force"},
        "variables": {
            "type": "array",
            "description": "of `needs_variables`: their names",
            "items": {"type": "string"},
        },
        "clients": {
            "type": "integer",
            "description": "of `clients_too_old`, or of `needs_variables` if both hold: their number",
        },
        "regressed": {
            "type": "array",
            "description": "of `suite_failed`: the ids of the cases that passed before, and fail now",
            "items": {"type": "string"},
        },
        "problem": {
            "type": "object",
            "description": "of `invalid_version`: what is wrong with its file, and where",
        },
        "id": {"type": "string", "description": "of `already_created`: the token's"},
        "errors": {
            "type": "array",
            "description": "of `invalid_request`: each bad value, where it is and what is wrong with it",
            "items": {
                "type": "object",
                "properties": {"loc": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
# The usual codes of a status, where an endpoint does not list its own.
CODES: dict[int, tuple[str, ...]] = {
    401: ("unauthorized",),
    403: ("forbidden",),
    404: ("unknown_environment",),
    412: ("precondition_failed",),
    413: ("too_large",),
    415: ("unsupported_encoding",),
    422: ("invalid_request", "invalid", "url_too_long"),
    431: ("headers_too_large",),
    503: (
        "unavailable",
        "busy",
        "deadline",
        "stopped",
        "journal_missing",
        "journal_damaged",
        "journal_behind",
        "journal_unwritable",
        "journal_unreadable",
        "journal_unreachable",
        "journal_foreign",
        "newer_format",
        "content_missing",
        "git_failed",
        "git_timeout",
        "in_doubt",
        "stopping",
    ),
}
# Examples of `detail`, by code.
SAID = {
    "headers_too_large": "at most 131072 bytes for the request line and all headers, 16384 for one, and 100 "
    "of them",
    "unauthorized": "send a token: Authorization: Bearer <token>",
    "forbidden": "this needs the role releaser; the token 'dashboard' has reader",
    "own_request": "summarize in production: you asked for this yourself, so another token must approve it; "
    "to take it back, reject it",
    "nothing_to_approve": "summarize in production: nothing awaits approval here",
    "unknown_environment": "there is no environment 'prod'; there are production, staging",
    "unknown_prompt": "there is no prompt 'sumarize'; did you mean summarize?",
    "unknown_token": "there is no token '3f9a0c11d2e4'",
    "rollout_active": "summarize in production: a rollout is under way; promote it or roll it back first",
    "paused": "summarize in production: the rollout is paused; resume it first",
    "guard_required": "summarize in production: guard: a rollout is guarded here; leave it out",
    "not_paused": "summarize in production: the rollout is not paused",
    "nothing_to_roll_back": "summarize in production: the last change was undone already, or is the first; "
    "promote the version you want",
    "precondition_failed": "the state is 1795600000.41, not 1795600000.40; look again",
    "too_large": "a body may have 1048576 bytes, not 2097152",
    "invalid_request": "verison: this key is not known here; remove it",
    "name_taken": "a token named 'checkout', or one that looks like it, is in use; choose another name, "
    "so that the history tells who made a change",
    "last_admin": "'admin' is the last token that manages tokens and does not expire; create another "
    "admin first, for all environments and without an end",
    "busy": "others keep writing; try again",
    "deadline": "this takes longer than 5 s; ask for less at once, or try again in a moment",
    "unsupported_encoding": "content-encoding may be gzip, deflate or identity, not 'br'",
    "outcomes_unavailable": "the database of outcomes does not answer: outcomes/main.sqlite: "
    "database or disk is full; see that its disk has room, and that no other program holds it",
    "bad_signature": "no header proves that the sender knows the secret; give the webhook the one in ...",
}
WORDS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_encoding"}
NO_JSON = "the body is not JSON; send UTF-8 JSON"
# Replacements for messages of the framework that do not help a caller.
PLAIN = {
    "extra_forbidden": "this key is not known here; remove it",
    "json_invalid": NO_JSON,
    "model_attributes_type": "send a JSON object, with Content-Type: application/json",
}
MAX_SAID = 400  # characters of the message about one bad value, which may repeat the value
MAX_NAMED = 100  # bad values listed in one answer


def responses(
    *statuses: int, codes: Mapping[int, tuple[str, ...]] = MappingProxyType({})
) -> dict[int | str, dict[str, Any]]:
    """Document an endpoint's errors.

    Args:
        statuses: the possible ones.
        codes: by status, the possible values of `code`, where they are not the usual ones.
    """
    return {status: _documented(HTTPStatus(status), codes.get(status)) for status in statuses}


def _documented(status: HTTPStatus, codes: tuple[str, ...] | None) -> dict[str, Any]:
    codes = codes or CODES.get(status.value, ("error",))
    shown = next((code for code in codes if code in SAID), codes[0])
    example = _body(status, SAID.get(shown, "what was wrong, and what to do"), shown)
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    description = f"{status.phrase}: {', '.join(f'`{code}`' for code in codes)}"
    return {"description": description, "content": {"application/problem+json": content}}


def install(app: FastAPI, max_body_bytes: Callable[[str], int]) -> None:
    """Let an app answer every error this way, including a body that is too large.

    Args:
        app: the app.
        max_body_bytes: the limit of a body, by its path.
    """
    app.add_middleware(BodyLimit, limit=max_body_bytes)
    app.add_exception_handler(errors.RegistryError, _registry_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen)


class Problem(JSONResponse):
    """A JSON answer that may repeat input: half a surrogate pair, which is not valid UTF-8, stays escaped."""

    media_type = "application/problem+json"

    def render(self, content: object) -> bytes:
        """Encode the content."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "backslashreplace"
        )


def answer(
    status: HTTPStatus, detail: str, code: str, extra: Mapping[str, Any] | None = None, headers: Any = None
) -> JSONResponse:
    """Build a problem as in the contract; `extra` are its further members."""
    return Problem(
        _body(status, detail, code) | dict(extra or {}),
        status_code=status,
        headers={**HEADERS.get(status, {}), **(headers or {})},
    )


def _body(status: HTTPStatus, detail: str, code: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
    }


class BodyLimit:
    """Middleware that refuses a body by its declared length, before reading any of it.

    The framework's own limit counts the received bytes; this one gives the refusal its form.
    """

    def __init__(self, app: ASGIApp, limit: Callable[[str], int]) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or call the app."""
        length = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        limit = self._limit(scope["path"]) if length.isdecimal() else 0
        if not length.isdecimal() or int(length) <= limit:
            return await self._app(scope, receive, send)
        refusal = answer(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"a body may have {limit} bytes, not {length}",
            "too_large",
        )
        await refusal(scope, receive, send)
        return None


def of(error: errors.RegistryError) -> JSONResponse:
    """Return the answer to an error of ours."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    return answer(status, error.message, error.code, error.extra)


async def _registry_error(_: Request, error: Exception) -> JSONResponse:
    return of(cast("errors.RegistryError", error))


async def _bad_request(_: Request, error: Exception) -> JSONResponse:
    bad = cast("RequestValidationError", error).errors()
    found = [
        {"loc": ".".join(str(part) for part in _place(item))[:MAX_SAID], "message": _sentence(item)}
        for item in bad[:MAX_NAMED]
    ]
    said = [f"{item['loc']}: {item['message']}" if item["loc"] else item["message"] for item in found]
    detail = "; ".join(said) + (f"; and {len(bad) - MAX_NAMED} more" if len(bad) > MAX_NAMED else "")
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, detail, "invalid_request", {"errors": found})


def _place(item: Mapping[str, Any]) -> tuple[Any, ...]:
    if item["type"] == "json_invalid":
        return ()
    loc = tuple(part for part in item["loc"] if not str(part).startswith("<"))  # the kinds of a value
    return loc[1:] if loc and loc[0] in {"body", "query", "path", "header"} else loc


def _sentence(item: Mapping[str, Any]) -> str:
    return in_words(item, PLAIN)[:MAX_SAID]


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    raised = cast("HTTPException", error)
    status = HTTPStatus(raised.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # the framework's answer to a body that is not JSON
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, NO_JSON, "invalid_request")
    code = WORDS.get(status.value, "http_error")
    headers = dict(raised.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request)) or headers.get("Allow", "")
    return answer(status, str(raised.detail), code, headers=headers)


def _allowed(request: Request) -> list[str]:
    """Return the methods of a path in /openapi.json; the framework lists those of the first route only."""
    shown = (route for route in request.app.state.routes if route.include_in_schema)
    fitting = [route for route in shown if route.path_regex.match(request.scope["path"])]
    closest = max((route.path_format for route in fitting), key=len, default="")
    return sorted({method for route in fitting if route.path_format == closest for method in route.methods})


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    route = getattr(request.scope.get("route"), "path_format", "")
    logger.error(
        "%s %s failed",
        *(request.method, request.url.path),
        exc_info=error,
        extra={"event": "failed", "method": request.method, "route": route},
    )
    return answer(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "an internal error; the registry's log has the details",
        "internal_error",
    )
