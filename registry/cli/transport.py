"""Connect to a registry: TLS, proxies, and what helps when no answer comes.

The certificates that are trusted are the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR. A proxy is
taken from https_proxy, http_proxy or all_proxy, but not to this machine, nor where no_proxy says so.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from registry.cli.answer import READ_SECONDS, Answer, NoAnswer
from registry.cli.credential import is_here
from registry.cli.output import clean
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 5.0  # a registry that is there answers within a round trip

# By OpenSSL's number (X509_V_ERR_...): what a certificate of your own does not mend.
BAD_CERTIFICATES = {
    9: "The certificate is not valid yet: is the clock of this machine right?",
    10: "The certificate has expired: renew it there, or set the clock of this machine",
    62: "The certificate is for another host: use the name that it is for",
    64: "The certificate is for another host: use the name that it is for",
}


def request(method: str, url: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
    """Send a request to a path of a registry, once, and follow no redirect: a token is for its URL alone.

    Raises:
        NoAnswer: with what helps.
        Invalid: the proxy that the environment names is none.
    """
    proxy = _proxy(url)
    try:
        got = _pool(proxy).request(method, f"{url}{path}", json=body, headers=headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        sent = not isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.SSLError)
        inner = _inner(error)
        raise NoAnswer(_cause(inner), _remedy(error, inner, url, proxy), sent=sent) from error
    return Answer(got.status, got.data, got.headers.get("Location", ""))


@cache
def _pool(proxy: str) -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    if not proxy:
        return urllib3.PoolManager(timeout=timeout, retries=False)
    parts = urlsplit(proxy)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    headers = urllib3.make_headers(proxy_basic_auth=user)
    try:
        return urllib3.ProxyManager(proxy, timeout=timeout, retries=False, proxy_headers=headers)
    except urllib3.exceptions.HTTPError as error:
        raise Invalid(
            f"the proxy {_shown(proxy)} cannot be used: write it like http://proxy.example.org:3128 in "
            "https_proxy and http_proxy, or name the registry's host in no_proxy"
        ) from error


def _proxy(url: str) -> str:
    """The proxy on the way to a URL; empty: none."""
    parts = urlsplit(url)
    proxies = getproxies()
    if is_here(url) or proxy_bypass(parts.netloc):
        return ""
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    return found if not found or "://" in found else f"http://{found}"


def _shown(proxy: str) -> str:
    """A proxy without its password."""
    return clean(proxy.rpartition("@")[2])


def _inner(error: BaseException) -> BaseException:
    """Find the first cause, behind the library's own names for it."""
    while True:
        cause = error.__cause__ or next((a for a in error.args if isinstance(a, BaseException)), None)
        if cause is None:
            return error
        error = cause


def _cause(inner: BaseException) -> str:
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {clean(inner.verify_message)}"
    return clean(getattr(inner, "strerror", None) or inner)


def _own_ca() -> str:
    """Return the remedy for a certificate that no known CA has signed."""
    given = os.environ.get("SSL_CERT_FILE")
    if not given:
        return "If it is of a CA of your own:  export SSL_CERT_FILE=/path/of/that/ca.pem"
    if not os.access(given, os.R_OK):  # OpenSSL says nothing of it
        return f"SSL_CERT_FILE names {clean(given)}, which cannot be read; correct it"
    return f"SSL_CERT_FILE names {clean(given)}, which does not hold the CA of this certificate"


def _remedy(error: urllib3.exceptions.HTTPError, inner: BaseException, url: str, proxy: str) -> str:
    if isinstance(error, urllib3.exceptions.ProxyError):
        where = f"That is the proxy {_shown(proxy)}"
        return f"{where}: correct https_proxy or http_proxy, or name the registry's host in no_proxy"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return BAD_CERTIFICATES.get(inner.verify_code) or _own_ca()
    if isinstance(inner, ssl.SSLError):
        return f"No TLS is spoken there: is it http://{url.partition('://')[2]}?"
    if isinstance(error, urllib3.exceptions.ProtocolError) and url.startswith("http://"):
        return f"What listens there does not speak HTTP: is it https://{url.partition('://')[2]}?"
    return ""
