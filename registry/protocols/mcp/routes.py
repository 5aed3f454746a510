"""MCP's endpoint: one message a POST, in both eras of the protocol."""

from __future__ import annotations

import re
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from registry.api.http.dependencies import services_of
from registry.api.http.routes import BoundedRoute
from registry.errors import Invalid, NotFound, RegistryError
from registry.protocols.mcp import eras, jsonrpc, listen, origins, prompts
from registry.protocols.mcp.eras import Era
from registry.protocols.mcp.jsonrpc import McpError
from registry.protocols.mcp.prompts import Caller
from registry.protocols.protocol import Protocol, bearer
from registry.protocols.resolving import environment_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.protocols.mcp.jsonrpc import Call
    from registry.protocols.protocol import Refusal

ROOT = "/mcp"
BELOW = "/v1/environments/{environment}/mcp"
OWNED = re.compile(r"(/v1/environments/[^/]+)?/mcp/?")
JSON = "application/json"
ROUTING = frozenset(("mcp-protocol-version", "mcp-method", "mcp-name"))
LISTED_MS = 10_000  # a list may be so old: a step of a rollout lasts hours
DISCOVERED_MS = 3_600_000  # what this registry can do changes with its version alone
INSTRUCTIONS = (
    "Prompts of a git repository, in the versions that are in force. Each result's _meta has the version."
)

router = APIRouter(route_class=BoundedRoute)


@router.post(ROOT)
@router.post(ROOT + "/")
async def ask(request: Request) -> Response:
    """Answer in the environment of the token, or the registry's first."""
    return await _ask(request, None)


@router.post(BELOW)
@router.post(BELOW + "/")
async def ask_in(request: Request, environment: str) -> Response:
    """Answer in an environment."""
    return await _ask(request, environment)


async def _ask(request: Request, wanted: str | None) -> Response:
    service, token = services_of(request), request.state.token
    origins.check(request.headers.get("origin"), service.public_url)
    caller = Caller(service, environment_for(service, token, wanted), token)
    return await to_thread.run_sync(_respond, caller, _headers(request), await request.body())


def _headers(request: Request) -> dict[str, str]:
    """Return the headers by name; one that routes, and is there twice, has both values: they match none."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found and name in ROUTING else value
    return found


def _respond(caller: Caller, headers: Mapping[str, str], body: bytes) -> Response:
    era, identifier = Era.MODERN, None
    try:
        call = jsonrpc.read(body)
        era, identifier = eras.era_of(call, headers), call.id
        if call.id is None:
            return Response(status_code=HTTPStatus.ACCEPTED)
        if era is Era.MODERN:
            eras.check(call, headers)
            if call.method == listen.METHOD:
                return listen.follow(caller, call)
        return _written(jsonrpc.result(call.id, _result(caller, era, call)))
    except McpError as error:
        said = error.code, error.message, error.data
        identifier = identifier if error.id is None else error.id
    except RegistryError as error:
        code = jsonrpc.INVALID_PARAMS if isinstance(error, NotFound | Invalid) else jsonrpc.INTERNAL_ERROR
        said = code, error.message, {"code": error.code}
    return _written(jsonrpc.error(identifier, *said), era.status(said[0]))


def _result(caller: Caller, era: Era, call: Call) -> dict[str, Any]:
    handle = METHODS[era].get(call.method)
    if handle is None:
        raise McpError(jsonrpc.METHOD_NOT_FOUND, f"there is no method {call.method[:100]!r} here")
    answer = handle(caller, call)
    if era is Era.LEGACY:
        return answer
    meta = {**answer.get("_meta", {}), eras.SERVER: _server()}
    return {**answer, **CACHED.get(call.method, {}), "resultType": "complete", "_meta": meta}


def _written(message: Mapping[str, Any], status: int = HTTPStatus.OK) -> Response:
    return Response(jsonrpc.encode(message), status, media_type=JSON)


def _initialize(_: Caller, call: Call) -> dict[str, Any]:
    wanted = call.params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in eras.LEGACY else eras.LEGACY[0],
        "capabilities": {"prompts": {"listChanged": False}, "completions": {}},
        "serverInfo": _server(),
        "instructions": INSTRUCTIONS,
    }


def _discover(_: Caller, __: Call) -> dict[str, Any]:
    return {
        "supportedVersions": [eras.MODERN],
        "capabilities": {"prompts": {"listChanged": True}, "completions": {}},
        "instructions": INSTRUCTIONS,
    }


def _server() -> dict[str, str]:
    return {"name": "promptstage", "title": "Promptstage", "version": VERSION}


def _ping(_: Caller, __: Call) -> dict[str, Any]:
    return {}


VERSION = version("promptstage-registry")
PROMPTS: dict[str, Callable[[Caller, Call], dict[str, Any]]] = {
    "prompts/list": prompts.list_page,
    "prompts/get": prompts.get,
    "completion/complete": prompts.complete,
}
METHODS = {
    Era.LEGACY: {"initialize": _initialize, "ping": _ping, **PROMPTS},
    Era.MODERN: {"server/discover": _discover, **PROMPTS},
}
CACHED: dict[str, dict[str, Any]] = {
    "prompts/list": {"ttlMs": LISTED_MS, "cacheScope": "private"},  # it depends on the token
    "server/discover": {"ttlMs": DISCOVERED_MS, "cacheScope": "public"},
}


def _owns(path: str) -> bool:
    return OWNED.fullmatch(path) is not None


def _error(refusal: Refusal) -> tuple[int, Mapping[str, Any]]:
    is_ours = refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    code = jsonrpc.INTERNAL_ERROR if is_ours else jsonrpc.INVALID_REQUEST
    return refusal.status, jsonrpc.error(None, code, refusal.detail, {"code": refusal.code})


PROTOCOL = Protocol("mcp", _owns, bearer, _error, router)
