"""The connection to Redis: to one server, or to the master that a Cluster or Sentinels name.

All keys share one hash tag, so there is always one master. After any error the connection is dropped and the
master looked up again the next time: so a failover, a moved slot or a new address needs no operator.
Sentinels are asked repeatedly, as a master that they replaced may take writes for ten seconds more.
This is the only module that imports redis.
"""

from __future__ import annotations

import re
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AskError, MovedError, ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from registry.errors import Unavailable
from registry.redis.url import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.client import PubSub

    from registry.redis.url import Options, RedisUrl

ANSWER_SECONDS = 0.25  # a Redis nearby answers in a millisecond; a slow one must delay no request
NAMED_SECONDS = (
    0.4  # how long an address of a master is trusted, so that a new one is up to date within a second
)

# The cause, by the messages of redis-py, the server or OpenSSL, and its remedy. The first match is reported,
# with that message for `{}`. The URL itself is never repeated: it may hold a password.
_REMEDIES = (
    (
        "WRONGPASS|invalid username-password|invalid password",
        "refuses the user or the password; correct PROMPTSTAGE_REDIS_URL",
    ),
    ("NOAUTH|Authentication required", "requires a password; write redis://user:password@host:6379"),
    (
        "NOPERM|no permissions|user executing the script",
        "does not let that user ({}); allow it ~{{promptstage}}* &{{promptstage}}* +@all",
    ),
    ("wrong.version.number|record.layer", "speaks no TLS there; write redis:// instead of rediss://"),
    (  # a server without TLS takes the TLS handshake for the start of a command, and waits for its end
        "timeout connecting",
        "cannot be reached in time; check host, port, and whether it uses TLS (rediss://, else redis://)",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "has a certificate that is not trusted ({}); name its CA: ?ssl_ca_certs=/path/of/ca.pem",
    ),
    (
        "certificate.required|bad.certificate|handshake.failure",
        "requires a client certificate; name it: ?ssl_certfile=/path/of/a.pem&ssl_keyfile=/path/of/a.key",
    ),
    (
        "EOF occurred in violation",
        "hangs up ({}); if it requires a client certificate, name it: ?ssl_certfile=...&ssl_keyfile=...",
    ),
    ("cluster support disabled", "is not a Cluster; write redis:// instead of redis+cluster://"),
    (
        r"^MOVED|^\d+ \S+:\d+$",
        "is a node of a Cluster, but not the one with these keys; write redis+cluster://",
    ),
    ("unknown command .?SENTINEL", "is not a Sentinel; write redis:// with the host and port of the server"),
    ("redis.sentinel://", "has Sentinels that know no service {}"),
    ("CLUSTERDOWN|slot not served", "is a Cluster that is down ({})"),
    (
        "READONLY|read only replica",
        "is a replica; name its master, or let Sentinels find it: redis+sentinel://",
    ),
    (
        "closed by server|reset by peer|protocol error",
        "hangs up ({}); if it uses TLS, write rediss://",
    ),
)


class Link:
    """One Redis; every method raises Unavailable (`redis_unavailable`) if it cannot be used."""

    def __init__(self, url: str, key: str) -> None:
        """Prepare, without connecting; `key` is any of the keys, which all have the same master."""
        self._url = parse(url)
        self._key = key
        self._places = deque(self._url.places)  # the first is asked; a failure rotates it away
        self._master: redis.Redis | None = None
        self._named_until = 0.0
        self._hints: PubSub | None = None
        self._heard: redis.Redis | None = None  # the master that we subscribed to

    def close(self) -> None:
        """End the connections; a `wait` under way returns."""
        for one in (self._hints, self._master):
            if one is not None:
                one.close()

    def run(self, script: str, key: str, *args: str | int | bytes) -> Any:
        """Run a Lua script on one key; return its result, with bytes for strings."""
        with self._reached() as master:
            try:
                return master.eval(script, 1, key, *args)
            except ReadOnlyError:  # nothing was done, as below; another may be the master by now
                self._master = other = self._find()
                return other.eval(script, 1, key, *args)
            except AskError as sent:
                if self._url.kind != "cluster":
                    raise
                return self._follow(sent, master, script, key, *args)

    def _follow(
        self, sent: AskError, by: redis.Redis, script: str, key: str, *args: str | int | bytes
    ) -> Any:
        """Run it where a node redirects us: for good (MOVED), or while the slot migrates (ASK)."""
        there = _at(self._url, (sent.host or _place(by)[0], sent.port))
        if isinstance(sent, MovedError):
            self._master = there
            return there.eval(script, 1, key, *args)
        with there, there.pipeline(transaction=False) as both:
            both.execute_command("ASKING")  # type: ignore[no-untyped-call]
            both.eval(script, 1, key, *args)
            return both.execute()[1]

    def wait(self, channel: str, seconds: float) -> None:
        """Return when something is published, or after that time. Subscribes when needed."""
        with self._reached() as known:
            master = self._named(known)
            if self._hints is None or self._heard is not master:
                self._hints = self._listen(master, channel)
            self._hints.get_message(timeout=seconds)

    def _listen(self, master: redis.Redis, channel: str) -> PubSub:
        if self._hints is not None:
            self._hints.close()
        hints: PubSub = master.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        hints.subscribe(channel)
        self._heard = master
        return hints

    def _named(self, known: redis.Redis) -> redis.Redis:
        """Return the master that a Sentinel names now; the known one without a Sentinel or an answer."""
        if self._url.kind != "sentinel" or time.monotonic() < self._named_until:
            return known
        self._named_until = time.monotonic() + NAMED_SECONDS
        try:
            place = _ask_sentinel(self._url, self._places[0], self._key)
        except (RedisError, OSError):  # the next call asks another one: no call may wait for several
            self._places.rotate(-1)
            return known
        if place != _place(known):
            self._master = known = _at(self._url, place)
        return known

    @contextmanager
    def _reached(self) -> Iterator[redis.Redis]:
        try:
            master = self._master = self._master or self._find()
            yield master
        except (RedisError, OSError, ValueError) as error:
            self._master = None
            self._places.rotate(-1)
            raise _unavailable(error) from error

    def _find(self) -> redis.Redis:
        """Return the master, connected or not."""
        if self._url.kind == "unix":
            return _client(self._url, self._url.login, unix_socket_path=self._url.path)
        return _at(self._url, self._ask())

    def _ask(self) -> tuple[str, int]:
        """Ask for the master's address; the first place that answers is asked first the next time too."""
        if self._url.kind == "server":
            return self._places[0]
        ask = _ask_node if self._url.kind == "cluster" else _ask_sentinel
        for _ in self._url.places[1:]:
            with suppress(RedisError, OSError):
                return ask(self._url, self._places[0], self._key)
            self._places.rotate(-1)
        return ask(self._url, self._places[0], self._key)


def _ask_node(url: RedisUrl, place: tuple[str, int], key: str) -> tuple[str, int]:
    """Return the address with the key's slot: the node itself, or the one that it redirects to."""
    with _at(url, place) as node:
        node.execute_command("CLUSTER MYID")  # a server outside a Cluster would take the key too
        try:
            node.exists(key)
        except MovedError as moved:
            return moved.host or place[0], moved.port
        except AskError:  # the slot is still here, though the key has migrated
            pass
    return place


def _ask_sentinel(url: RedisUrl, place: tuple[str, int], _: str) -> tuple[str, int]:
    with _client(url, url.sentinel_login, host=place[0], port=place[1]) as sentinel:
        found = sentinel.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", url.service)
    if not found:
        raise RedisError(f"{url.service!r}; write redis+sentinel://host:26379/service")
    return found[0].decode(), int(found[1])


def _at(url: RedisUrl, place: tuple[str, int]) -> redis.Redis:
    return _client(url, url.login, host=place[0], port=place[1])


def _place(client: redis.Redis) -> tuple[str, int]:
    where = client.get_connection_kwargs()
    return where["host"], where["port"]


def _client(url: RedisUrl, login: Options, **where: str | int) -> redis.Redis:
    options: dict[str, Any] = {**login, **where, "ssl": url.tls, **url.tls_options}
    return redis.Redis(
        **options,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # has all that is needed, and every server and proxy supports it
    )


def _unavailable(error: Exception) -> Unavailable:
    words = str(error).rstrip(".")
    remedies = (
        remedy.format(words) for pattern, remedy in _REMEDIES if re.search(pattern, words, re.IGNORECASE)
    )
    other = f"refuses: {words}" if isinstance(error, ResponseError) else f"does not answer: {words}"
    return Unavailable(f"Redis {next(remedies, other)}", code="redis_unavailable")
