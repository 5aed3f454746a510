"""The protocols that are spoken here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.protocols import ofrep

if TYPE_CHECKING:
    from registry.protocols.protocol import Protocol

PROTOCOLS: tuple[Protocol, ...] = (ofrep.PROTOCOL,)
