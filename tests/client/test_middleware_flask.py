"""Flask under gunicorn with threads: what the log lines of requests say, and which arm they are on."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from client.apps.shared import client, names
from client.serving import ask, body, get, gunicorn_serving
from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Site = tuple[int, "Path"]


class Logged(Protocol):
    """What the process has logged in this test."""

    def __call__(self, pattern: str, count: int = 1) -> dict[str, Any]:
        """Wait for some lines."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The port, and what the process writes to stderr."""
    log = tmp_path_factory.mktemp("gunicorn") / "stderr"
    with gunicorn_serving("client.apps.flasky:app", log) as port:
        yield port, log


@pytest.fixture
def logged(site: Site) -> Logged:
    """Wait for some lines of this test that match; the prompt of each, by its text."""
    _, log = site
    begin = log.stat().st_size

    def find(pattern: str, count: int = 1) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            lines = [json.loads(line) for line in log.read_text()[begin:].splitlines() if line[0] == "{"]
            found = {line["message"]: line.get("prompt") for line in lines}
            found = {text: prompt for text, prompt in found.items() if re.search(pattern, text)}
            return found if len(found) == count else None

        return until(look, f"{count} lines with {pattern}", log.read_text())

    return find


def test_a_request_says_its_prompt_to_the_end(site: Site, logged: Logged) -> None:
    """In the view, in the server's access log, and as it is torn down."""
    ask(site[0], get("/get/p1"))

    assert logged("^p1 ", 2) == {"p1 endpoint": "p1@1.0.0", "p1 teardown": "p1@1.0.0"}
    assert list(logged("GET /get/p1").values()) == ["p1@1.0.0"]


def test_a_prompt_may_be_had_while_the_body_is_sent(site: Site, logged: Logged) -> None:
    """The generator's lines say so, and all that come after."""
    ask(site[0], get("/stream/p2"))

    assert logged("^p2 ", 3) == dict.fromkeys(("p2 one", "p2 two", "p2 teardown"), "p2@1.0.0")


def test_requests_on_one_connection_do_not_mix(site: Site, logged: Logged) -> None:
    """Also when they are sent in one write: each begins without a stamp."""
    paths = [f"/{'get' if number % 2 else 'bare'}/{name}" for number, name in enumerate(names)]
    assert ask(site[0], *map(get, paths)).count("200 OK") == len(names)

    assert logged("endpoint", len(names)) == {
        f"{name} endpoint": f"{name}@1.0.0" if number % 2 else None for number, name in enumerate(names)
    }


def test_requests_at_the_same_time_do_not_mix(site: Site, logged: Logged) -> None:
    """Each has its thread."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: ask(site[0], get(f"/meet/{name}")), names[:4]))

    assert logged("endpoint", 4) == {f"{name} endpoint": f"{name}@1.0.0" for name in names[:4]}


def test_a_user_stays_on_one_arm(site: Site) -> None:
    """The header is the key; without one, each request has a random one."""
    for user in map(str, range(10)):
        expected = client.get("rolling", key=user, stamp=False).version
        assert body(ask(site[0], get("/arms", X_User_Id=user)))["rolling"] == [expected]
    random = [body(ask(site[0], get("/arms"))) for _ in range(30)]

    assert {tuple(arms["rolling"]) for arms in random} == {("1.0.0",), ("2.0.0",)}
    assert {arms["audience"] for arms in random} == {"1.0.0"}
    assert body(ask(site[0], get("/arms", X_Tenant="acme")))["audience"] == "2.0.0"
