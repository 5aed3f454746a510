"""Parse ``PROMPTSTAGE_REDIS_URL``. Pure: nothing is connected here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote

FORMS = (
    "write redis://[user:password@]host:6379, rediss:// for TLS, unix:///path/of/a.sock, "
    "redis+cluster://host:6379,host2:6379 or redis+sentinel://host:26379,host2:26379/service; "
    "a password's / ? # are written %2F %3F %23"
)
_URL = re.compile(
    r"(?:redis(?P<tls>s?)(?:\+(?P<kind>cluster|sentinel))?|(?P<unix>unix))://"
    r"(?:(?P<user>[^:/?#]*)(?::(?P<password>[^/?#]*))?@)?"
    r"(?P<hosts>[^@/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")
_PORTS = {"sentinel": 26379}
_PORT = 6379
_MAX_PORT = 65535
# redis-py's names. Time-outs and retries are not among them: a slow Redis must delay no request.
_TLS_OPTIONS = frozenset(
    (
        "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password",
        "ssl_cert_reqs", "ssl_check_hostname",
    )
)  # fmt: skip
_SENTINEL_OPTIONS = frozenset(("sentinel_username", "sentinel_password"))
_YES = frozenset(("1", "true", "yes"))

Kind = Literal["server", "unix", "cluster", "sentinel"]
Options = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True, repr=False)
class RedisUrl:
    """A Redis, as a URL describes it; without a repr, as it may hold a password.

    Attributes:
        kind: one server, one behind a Unix socket, or a Cluster or Sentinels that know the server.
        places: host and port of the server, or of some nodes or Sentinels.
        path: of the Unix socket.
        service: the name of the master that Sentinels watch.
        tls: whether all connections are encrypted.
        login: user, password and database, by redis-py's names.
        sentinel_login: the same for the Sentinels themselves.
        tls_options: certificates, by redis-py's names.
    """

    kind: Kind
    places: tuple[tuple[str, int], ...]
    path: str
    service: str
    tls: bool
    login: Options
    sentinel_login: Options
    tls_options: Options


def parse(url: str) -> RedisUrl:
    """Read a URL. Raises ValueError with a sentence that does not repeat it: it may hold a password."""
    found = _URL.fullmatch(url)
    if not found or bool(found["unix"]) == bool(found["hosts"]):
        raise ValueError(FORMS)
    if "," in found["hosts"] and not found["kind"]:
        raise ValueError(f"this is the URL of one server, and there are several; {FORMS}")
    kind: Kind = "unix" if found["unix"] else found["kind"] or "server"  # type: ignore[assignment]
    path = unquote(found["path"] or "").removeprefix("/")
    service, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    options = _options(found["query"] or "", kind, tls=bool(found["tls"]))
    login: Options = {"username": unquote(found["user"] or ""), "password": unquote(found["password"] or "")}
    return RedisUrl(
        kind,
        () if kind == "unix" else tuple(_place(host, kind) for host in found["hosts"].split(",")),
        f"/{path}" if kind == "unix" else "",
        _require(service, "the name of the service is missing") if kind == "sentinel" else "",
        bool(found["tls"]),
        {key: value for key, value in login.items() if value} | _database(database, options, kind),
        {k.removeprefix("sentinel_"): v for k, v in options.items() if k in _SENTINEL_OPTIONS},
        {key: _typed(key, value) for key, value in options.items() if key in _TLS_OPTIONS},
    )


def _require(text: str, missing: str) -> str:
    if not text:
        raise ValueError(f"{missing}; {FORMS}")
    return text


def _place(text: str, kind: Kind) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if not found or int(found["port"] or _PORT) > _MAX_PORT:
        raise ValueError(f"there is no such host and port; {FORMS}")
    return found["six"] or unquote(found["name"]), int(found["port"] or _PORTS.get(kind, _PORT))


def _options(query: str, kind: Kind, *, tls: bool) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    known = {"db"} | (_TLS_OPTIONS if tls else set()) | (_SENTINEL_OPTIONS if kind == "sentinel" else set())
    if unknown := sorted(options.keys() - known):
        raise ValueError(
            f"{', '.join(unknown)}: this URL takes {', '.join(sorted(known))} after the question mark"
        )
    return options


def _database(text: str, options: dict[str, str], kind: Kind) -> Options:
    number = options.get("db", "" if kind == "unix" else text) or "0"
    if not number.isdecimal():
        raise ValueError(f"a database is a number; {FORMS}")
    if kind == "cluster" and number != "0":
        raise ValueError("a cluster has one database only, 0; use PROMPTSTAGE_REDIS_PREFIX to share it")
    return {"db": int(number)}


def _typed(name: str, value: str) -> str | bool:
    return value.lower() in _YES if name == "ssl_check_hostname" else value
