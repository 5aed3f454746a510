"""Which revision of MCP a request speaks, and whether it does so properly. Pure.

Until 2025-11-25 a client begins with `initialize`, and later requests are plain. Since 2026-07-28 each
request says in its `_meta` what it speaks, and repeats that, its method and its name in headers, which must
agree: what is between may route by them. Nothing is remembered between requests in either era.
"""

from __future__ import annotations

from base64 import b64decode
from enum import StrEnum
from typing import TYPE_CHECKING

from registry.protocols.mcp.jsonrpc import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    UNSUPPORTED_VERSION,
    McpError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.protocols.mcp.jsonrpc import Call

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
RESERVED = "io.modelcontextprotocol/"
VERSION, CAPABILITIES = RESERVED + "protocolVersion", RESERVED + "clientCapabilities"
SERVER, SUBSCRIPTION = RESERVED + "serverInfo", RESERVED + "subscriptionId"
NAMED = {"prompts/get": "name", "tools/call": "name", "resources/read": "uri"}  # what is in Mcp-Name
_ENCODED = "=?base64?", "?="


class Era(StrEnum):
    """How a request is written, and how it wants its answer."""

    LEGACY = "legacy"
    MODERN = "modern"

    def status(self, code: int) -> int:
        """Return the HTTP status of an error; the clients of old read errors only from a 200."""
        if self is Era.LEGACY or code == INTERNAL_ERROR:
            return 200
        return 404 if code == METHOD_NOT_FOUND else 400


def era_of(call: Call, headers: Mapping[str, str]) -> Era:
    """Return the era of a request; headers by their names in lower case."""
    if VERSION in call.meta:
        return Era.MODERN
    stated = headers.get("mcp-protocol-version")
    return Era.LEGACY if call.method == "initialize" or stated is None or stated in LEGACY else Era.MODERN


def check(call: Call, headers: Mapping[str, str]) -> None:
    """Check a request of the modern era. Raises McpError."""
    stated = headers.get("mcp-protocol-version")
    if stated not in {None, MODERN} and VERSION not in call.meta:
        raise _unsupported(stated)
    missing = [key for key in (VERSION, CAPABILITIES) if key not in call.meta]
    if missing:
        raise McpError(INVALID_PARAMS, f"params._meta needs {' and '.join(missing)}")
    version = call.meta[VERSION]
    if not isinstance(version, str):
        raise McpError(INVALID_PARAMS, f"params._meta: {VERSION} is a text")
    _agree("MCP-Protocol-Version", stated, version)
    _agree("Mcp-Method", headers.get("mcp-method"), call.method)
    name = call.params.get(NAMED.get(call.method, ""))
    if isinstance(name, str):
        _agree("Mcp-Name", _decoded(headers.get("mcp-name")), name)
    if version != MODERN:
        raise _unsupported(version)


def _agree(header: str, stated: str | None, body: str) -> None:
    if stated != body:
        said = "is missing" if stated is None else "says something else"
        raise McpError(
            HEADER_MISMATCH, f"the header {header} {said}; it must be what the body has: {body[:200]!r}"
        )


def _decoded(value: str | None) -> str | None:
    """Return the text of a header; None for one whose Base64 is none."""
    before, after = _ENCODED
    if value is None or not (value.startswith(before) and value.endswith(after)):
        return value
    try:
        return b64decode(value[len(before) : -len(after)], validate=True).decode()
    except ValueError:
        return None


def _unsupported(version: str | None) -> McpError:
    supported = [MODERN, *LEGACY]
    return McpError(
        UNSUPPORTED_VERSION,
        f"this registry speaks {', '.join(supported)}",
        {"supported": supported, "requested": version},
    )
