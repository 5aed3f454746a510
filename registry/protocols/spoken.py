"""The protocols that are spoken here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.protocols import litellm, ofrep
from registry.protocols.langfuse import routes as langfuse
from registry.protocols.mcp import routes as mcp

if TYPE_CHECKING:
    from registry.protocols.protocol import Protocol

PROTOCOLS: tuple[Protocol, ...] = (
    langfuse.PROTOCOL,
    litellm.PROTOCOL,
    mcp.PROTOCOL,
    ofrep.PROTOCOL,
)
