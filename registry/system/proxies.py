"""The way to a URL: through the proxy of https_proxy, http_proxy or all_proxy, or straight.

It is straight to this machine, and where no_proxy says so.
"""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from registry.errors import Invalid
from registry.system.text import visible

if TYPE_CHECKING:
    from urllib3 import PoolManager, Timeout


def is_here(url: str) -> bool:
    """Return whether a URL names this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(url: str) -> str:
    """Return the proxy on the way to a URL; empty: none."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - slow to import, as below

    parts = urlsplit(url)
    if is_here(url) or proxy_bypass(parts.netloc):
        return ""
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    return found if not found or "://" in found else f"http://{found}"


@cache
def pool(proxy: str, timeout: Timeout) -> PoolManager:
    """Return the connections by way of a proxy; empty: straight ones. Raises Invalid if it is none."""
    import urllib3  # noqa: PLC0415 - most commands send nothing, and should not wait for it

    if not proxy:
        return urllib3.PoolManager(timeout=timeout, retries=False)
    parts = urlsplit(proxy)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    headers = urllib3.make_headers(proxy_basic_auth=user)
    try:
        return urllib3.ProxyManager(proxy, timeout=timeout, retries=False, proxy_headers=headers)
    except urllib3.exceptions.HTTPError as error:
        raise Invalid(
            f"the proxy {shown(proxy)} cannot be used: write it like http://proxy.example.org:3128 in "
            "https_proxy and http_proxy, or name the registry's host in no_proxy"
        ) from error


def shown(proxy: str) -> str:
    """Return a proxy without its password."""
    return visible(proxy.rpartition("@")[2])
