"""``--wait`` and the column CLIENTS: who has what is in force."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from cli.test_cli_connection import Bystander, listening

from promptstage import Client
from registry.cli import http
from registry.cli.credential import Credential, Target
from registry.cli.release import clients

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.shell import Cli
    from support import Registry

STATE = {"environment": "production", "prompt": "summarize", "epoch": 7, "seq": 3}


@contextmanager
def counting(*, complete: bool = True, **row: Any) -> Iterator[http.Registry]:
    """A registry that knows of clients, and of nothing else."""
    answer = {"data": [{"prompt": "summarize", **row}], "complete": complete}
    with listening(type("Counting", (Bystander,), {"body": json.dumps(answer).encode()})) as url:
        yield http.Registry(Target(url, "of a test", "", Credential("t", "a test")))


def test_wait_until_every_client_has_it(manager: Cli, served: Registry, tmp_path: Path) -> None:
    """The clients are counted, and the time is told; the column shows them."""
    environment = manager.environment["PROMPTSTAGE_ENVIRONMENT"]
    manager("promote", "summarize", "1.0.0")
    with Client(
        served.url,
        token=served.api.token,
        environment=environment,
        prompts=["summarize"],
        snapshot_dir=tmp_path,
    ) as client:
        assert client.ready(5)
        done = manager("promote", "summarize", "1.1.0", "--wait")

        assert re.search(r"the one connected client has it \(\d+ ms after the command\)\n$", done.out)
        assert manager("status").out.splitlines()[1].endswith(" 1/1")


def test_nobody_is_connected(manager: Cli) -> None:
    """There is nothing to wait for, which is said."""
    done = manager("promote", "summarize", "1.0.0", "--wait")

    assert done.code == 0
    assert "no client is connected" in done.out


def test_a_bound_is_a_wish_to_wait(manager: Cli) -> None:
    """Whoever says how long, wants to."""
    assert "no client is connected" in manager("promote", "summarize", "1.0.0", "--timeout", "5").out
    assert "connected" not in manager("promote", "summarize", "1.1.0").out


def test_some_clients_do_not_get_it() -> None:
    """After the bound it is told how many are missing; the change stands."""
    with counting(release="7.3", connected=12, current=7) as registry, pytest.raises(clients.Late) as late:
        clients.wait(registry, STATE, 0, 0)

    assert "after 0 s 5 of 12 clients do not have it" in late.value.message
    assert "promptstage status summarize" in late.value.message


def test_an_older_release_is_not_the_one() -> None:
    """A registry that has not heard of the change yet counts for the release before."""
    with counting(release="7.2", connected=3, current=3) as registry, pytest.raises(clients.Late):
        clients.wait(registry, STATE, 0, 0)


@pytest.mark.parametrize("connected", [3, 0])
def test_a_count_without_redis_is_not_all(connected: int) -> None:
    """Only the clients of one process are counted then: that all have it would be a guess."""
    row = {"release": "7.3", "connected": connected, "current": connected}
    with counting(**row, complete=False) as registry, pytest.raises(clients.Late) as late:
        clients.wait(registry, STATE, 0, 0)

    assert "it is unknown whether all have it" in late.value.message
    assert clients.PARTIAL in late.value.message


def test_a_registry_that_cannot_tell() -> None:
    """An older one has a dash for it."""
    body = json.dumps({"code": "not_found", "detail": "Not Found"}).encode()
    with listening(type("Older", (Bystander,), {"body": body, "status": 404})) as url:
        registry = http.Registry(Target(url, "of a test", "", Credential("t", "a test")))

        assert clients.of(registry, "production", ["summarize"]) is None
        with pytest.raises(clients.Late, match="too old"):
            clients.wait(registry, STATE, 0, 0)


def test_a_registry_that_is_away() -> None:
    """It may come back within the bound; after it, nobody knows."""
    registry = http.Registry(Target("http://127.0.0.1:9", "of a test", "", Credential("t", "a test")))

    with pytest.raises(clients.Late, match="did not say within 0 s"):
        clients.wait(registry, STATE, 0, 0)
