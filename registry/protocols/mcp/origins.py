"""Refuse requests from pages of other sites, as MCP wants it against DNS rebinding. Pure.

A browser says in `Origin` which site's page asks. Pages of this machine may, and those of the address at
which people reach the registry. `Host` is not looked at: behind a proxy it may be anything.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from registry.errors import Forbidden

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PORTS = {"http": 80, "https": 443}


def check(origin: str | None, public_url: str) -> None:
    """Check the header. Raises Forbidden (`foreign_origin`)."""
    site = None if origin is None else _site(origin)
    if origin is None or (site and (site.host in LOOPBACK or site == _site(public_url))):
        return
    raise Forbidden(
        f"pages of {origin[:200]!r} may not ask here; if that is this registry, set PROMPTSTAGE_PUBLIC_URL",
        code="foreign_origin",
    )


class Site(NamedTuple):
    """What browsers mean by an origin."""

    scheme: str
    host: str
    port: int


def _site(url: str) -> Site | None:
    """Return the site of an address; None if it has none, as the origin `null`."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    return Site(parts.scheme, parts.hostname, port) if parts.hostname and port else None
