"""JSON-RPC 2.0 as MCP has it: one message a request, ids that are texts or whole numbers. Pure."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
HEADER_MISMATCH = -32020  # this and the next are MCP's own, of 2026-07-28
UNSUPPORTED_VERSION = -32022

NOTHING: Mapping[str, Any] = MappingProxyType({})
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Call(NamedTuple):
    """One request; a notification has no id."""

    id: str | int | None
    method: str
    params: Mapping[str, Any]

    @property
    def meta(self) -> Mapping[str, Any]:
        """The request's `_meta`; empty if there is none."""
        found = self.params.get("_meta")
        return found if isinstance(found, dict) else NOTHING


class McpError(Exception):
    """A request that is refused.

    Attributes:
        code: of JSON-RPC.
        message: what was wrong, and what to do.
        data: the same for programs.
        id: that of the request, where it could be read.
    """

    def __init__(self, code: int, message: str, data: object = None, id: str | int | None = None) -> None:  # noqa: A002 - JSON-RPC's word
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.id = id


def bad_params(message: str, data: object = None) -> McpError:
    """Return the error of parameters that are wrong."""
    return McpError(INVALID_PARAMS, message, data)


def read(body: bytes) -> Call:
    """Read one request or notification. Raises McpError."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise McpError(PARSE_ERROR, "the body is not JSON; send UTF-8 JSON") from None
    if isinstance(found, list):
        raise McpError(INVALID_REQUEST, "batches are not taken; send one message a request")
    if not isinstance(found, dict):
        raise McpError(INVALID_REQUEST, "the body is no JSON object; send one JSON-RPC message")
    identifier = found.get("id")
    if "id" in found and not _is_id(identifier):
        raise McpError(INVALID_REQUEST, "id: a text or a whole number")
    method, params = found.get("method"), found.get("params", {})
    if found.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise McpError(INVALID_REQUEST, 'a JSON-RPC message has "jsonrpc": "2.0" and a method', id=identifier)
    if not isinstance(params, dict):
        raise McpError(INVALID_REQUEST, "params: a JSON object", id=identifier)
    return Call(identifier, method, params)


def encode(message: Mapping[str, Any]) -> bytes:
    """Write a message; half a surrogate pair, which is not valid UTF-8, stays escaped."""
    return _encode(message).encode("utf-8", "backslashreplace")


def result(identifier: str | int | None, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a request."""
    return {"jsonrpc": "2.0", "id": identifier, "result": content}


def error(identifier: str | int | None, code: int, message: str, data: object = None) -> dict[str, Any]:
    """Return the refusal of a request."""
    said: dict[str, Any] = {"code": code, "message": message}
    return {
        "jsonrpc": "2.0",
        "id": identifier,
        "error": said if data is None else said | {"data": data},
    }


def notification(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message that is not answered."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
