"""The test client that stands in for the registry. Outside of tests there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable


class StandIn(Protocol):
    """A `promptstage.testing.Client`."""

    def lend(self, client: object) -> None:
        """Let a client serve what this one does."""


clients: WeakSet[object] = WeakSet()
"""Every client of the process that is made for an application."""

everywhere: StandIn | None = None
"""Stands in for the registry of every client."""

without_url: Callable[[], StandIn] | None = None
"""Makes the one for a client that was given no URL, which is an error otherwise."""


def find(url: str | None) -> StandIn | None:
    """The test client for a client that is being made; None: it has a registry."""
    if everywhere is None and without_url is not None and not url:
        return without_url()
    return everywhere
