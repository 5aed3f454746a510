"""Connect to a registry: TLS, proxies, and what helps when no answer comes.

The certificates that are trusted are the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR. A proxy is
taken from https_proxy, http_proxy or all_proxy, but not to this machine, nor where no_proxy says so.
"""

from __future__ import annotations

import os
import ssl
from http.client import IncompleteRead
from typing import TYPE_CHECKING, Any

import urllib3

from registry.cli.answer import READ_SECONDS, Answer, NoAnswer
from registry.system import proxies
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 5.0  # a registry that is there answers within a round trip
TIMEOUT = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)

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
    proxy = proxies.proxy_for(url)
    try:
        pool = proxies.pool(proxy, TIMEOUT)
        got = pool.request(method, f"{url}{path}", json=body, headers=headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        sent = not isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.SSLError)
        inner = _inner(error)
        raise NoAnswer(_cause(inner), _remedy(error, inner, url, proxy), sent=sent) from error
    headers = got.headers
    return Answer(got.status, got.data, headers.get("Location", ""), headers.get("Retry-After", ""))


def _inner(error: BaseException) -> BaseException:
    """Find the first cause, behind the library's own names for it."""
    while True:
        cause = error.__cause__ or next((a for a in error.args if isinstance(a, BaseException)), None)
        if cause is None:
            return error
        error = cause


def _cause(inner: BaseException) -> str:
    if isinstance(inner, IncompleteRead):
        return "its answer was cut off"
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
        where = f"That is the proxy {proxies.shown(proxy)}"
        return f"{where}: correct https_proxy or http_proxy, or name the registry's host in no_proxy"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return BAD_CERTIFICATES.get(inner.verify_code) or _own_ca()
    if isinstance(inner, ssl.SSLError):
        return f"No TLS is spoken there: is it http://{url.partition('://')[2]}?"
    is_http = isinstance(inner, IncompleteRead) or not isinstance(error, urllib3.exceptions.ProtocolError)
    if url.startswith("http://") and not is_http:
        return f"What listens there does not speak HTTP: is it https://{url.partition('://')[2]}?"
    return ""
