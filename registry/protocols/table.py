"""The protocols that are spoken here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.protocols.protocol import Protocol

PROTOCOLS: tuple[Protocol, ...] = ()
