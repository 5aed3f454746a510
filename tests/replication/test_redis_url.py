"""What PROMPTSTAGE_REDIS_URL can say."""

from __future__ import annotations

import pytest

from registry.redis.url import parse


@pytest.mark.parametrize(
    ("url", "kind", "places"),
    [
        ("redis://localhost", "server", [("localhost", 6379)]),
        ("rediss://cache.example.org:6380/2", "server", [("cache.example.org", 6380)]),
        ("redis://[::1]:7000", "server", [("::1", 7000)]),
        ("unix:///run/redis.sock?db=1", "unix", []),
        ("redis+cluster://a,b:7000", "cluster", [("a", 6379), ("b", 7000)]),
        ("rediss+sentinel://a,[::1],b:7000/main/3", "sentinel", [("a", 26379), ("::1", 26379), ("b", 7000)]),
    ],
)
def test_every_form_names_its_places(url: str, kind: str, places: list[tuple[str, int]]) -> None:
    """Ports have the usual defaults; an address of IPv6 stands in brackets."""
    found = parse(url)

    assert (found.kind, list(found.places), found.tls) == (kind, places, url.startswith("rediss"))


def test_logins() -> None:
    """What is before the @ is for the server; Sentinels have a login of their own."""
    found = parse("redis+sentinel://ada:p%2Fw@a/main/3?sentinel_password=s&sentinel_username=u")

    assert found.login == {"username": "ada", "password": "p/w", "db": 3}
    assert found.sentinel_login == {"username": "u", "password": "s"}
    assert found.service == "main"
    assert parse("unix:///run/a%20b.sock?db=1").login == {"db": 1}
    assert parse("unix:///run/a%20b.sock").path == "/run/a b.sock"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://secret@a", "redis+sentinel://host:26379"),
        ("redis://", "write redis://"),
        ("redis://:secret@", "write redis://"),
        ("redis://:sec/ret@a", "written %2F"),
        ("redis://:secret@a:99999", "no such host and port"),
        ("redis://:secret@a,b", "one server"),
        ("redis+cluster://a,,b", "no such host and port"),
        ("redis+cluster://:secret@a/1", "PROMPTSTAGE_REDIS_PREFIX"),
        ("redis+sentinel://:secret@a", "the name of the service is missing"),
        ("redis://:secret@a/main", "a database is a number"),
        ("redis://:secret@a?ssl_ca_certs=b", "ssl_ca_certs: this URL takes db"),
        ("rediss://:secret@a?socket_timeout=9", "socket_timeout: this URL takes db, ssl_ca_certs"),
    ],
)
def test_what_it_cannot_say(url: str, told: str) -> None:
    """The rule is named, and the URL is not repeated, as it may hold a password."""
    with pytest.raises(ValueError, match=r".*") as caught:
        parse(url)

    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
