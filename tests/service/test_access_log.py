"""The access log: one line a request, if it is wanted, and nothing in it that must not be there."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import Registry

RELEASE = "/v1/environments/production/releases/summarize"


def lines(registry: Registry, count: int) -> list[dict[str, Any]]:
    """The lines about requests, except those of the test's own waiting."""

    def look() -> list[dict[str, Any]] | None:
        records = [json.loads(line) for line in registry.log.splitlines()]
        found = [record for record in records if record.get("event") == "request"]
        found = [record for record in found if record["path"] != "/readyz"]
        return found if len(found) >= count else None

    return until(look, "the lines", registry.log)


def test_one_line_a_request(serve: Callable[..., Registry]) -> None:
    """Of those that memory answers, of all others, and of what is no request; a query is in none."""
    registry = serve(access_log="1", log_format="json")
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    assert registry.api.get(f"{RELEASE.replace('releases', 'resolve')}?key=user-42").status == 200
    assert registry.api.get(f"/v1/prompts/{registry.api.token}/versions?x=user-42").status == 404
    registry.api.get("/livez", Authorization="")
    with socket.create_connection(("127.0.0.1", registry.port), PATIENCE) as connection:
        connection.sendall(b"EHLO example.org\r\n")
        connection.recv(1 << 16)
    found = lines(registry, 5)
    (admin,) = {line["token"] for line in found if line["path"].startswith("/v1/")}

    assert [(line["method"], line["path"], line["status"]) for line in found] == [
        ("POST", RELEASE.replace("releases", "rollouts") + "/actions/promote", 200),
        ("GET", RELEASE.replace("releases", "resolve"), 200),
        ("GET", "/v1/prompts/ps_…/versions", 404),
        ("GET", "/livez", 200),
        ("-", "-", 400),
    ]
    assert registry.api.get("/v1/tokens").json["data"][0]["id"] == admin
    assert [line["token"] for line in found[3:]] == ["-", "-"]
    assert all(0 <= line["ms"] < 10_000 for line in found)
    assert registry.api.token not in registry.log
    assert "user-42" not in registry.log


@pytest.mark.parametrize("wanted", [False, True])
def test_a_line_for_people(serve: Callable[..., Registry], *, wanted: bool) -> None:
    """Off by default."""
    registry = serve(**({"access_log": "1"} if wanted else {}))
    registry.api.get("/v1/prompts")
    registry.api.get("/livez", Authorization="")
    said = until(lambda: "GET /livez 200" in registry.log, "the line") if wanted else registry.stop()

    assert bool(said) is wanted
    assert ("GET /v1/prompts 200 " in registry.log) is wanted
