"""A journal that began while the registry's clock was years ahead, and the way back to the present."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support import STATES, Registry, until

from promptstage import Client
from registry.git.remote import Credentials
from registry.journal.maintenance import mirror
from registry.journal.maintenance.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Process, PromptRepository, Valkey

pytestmark = pytest.mark.slow

# Runs what follows with a clock that is so many days ahead.
AHEAD = """
import sys
from datetime import timedelta
from registry.system import timestamps
true, ahead = timestamps.now, timedelta(days=int(sys.argv.pop(1)))
timestamps.now = lambda: true() + ahead
from registry.cli.main import main
main()
"""
DAYS = {"a month": 30, "the year 2200": 173 * 365}


class Ahead(Registry):
    """A registry whose clock is some days ahead."""

    days = 0

    def launch(self, command: list[str], environment: dict[str, str], log: Path) -> Process:
        """Start the process."""
        return super().launch([command[0], "-c", AHEAD, str(self.days), *command[3:]], environment, log)


def recover(data: Path, valkey: Valkey) -> str:
    """Recover as an operator does; what that says."""
    command = [sys.executable, "-m", "registry", "journal", "recover", "--yes", "--data", str(data)]
    environment = {**os.environ, "PROMPTSTAGE_REDIS_URL": valkey.url}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def promote(registry: Registry, version: str) -> Any:
    """Put a version in force; the answer."""
    answer = registry.api.act("promote", "summarize", {"version": version})
    assert answer.status == 200, answer.text
    return answer.json


@pytest.fixture(params=DAYS)
def data(
    request: pytest.FixtureRequest, tmp_path: Path, valkey: Valkey, repository: PromptRepository
) -> Path:
    """The data folder that such a registry leaves, with a copy of it, and what Redis held then."""
    folder = tmp_path / "data"
    Ahead.days = DAYS[request.param]
    ahead = Ahead(repository.path, folder, redis_url=valkey.url)
    promote(ahead, "1.0.0")
    shutil.copytree(folder, tmp_path / "older")
    promote(ahead, "1.1.0")
    assert ahead.stop() == 0, ahead.log
    return folder


@pytest.fixture
def client(tmp_path: Path) -> Iterator[list[Client]]:
    """Clients that are closed in the end."""
    made: list[Client] = []
    yield made
    for one in made:
        one.close()


def follow(registry: Registry, clients: list[Client], folder: Path) -> Client:
    """A client of a registry."""
    url, token = registry.url, registry.api.token
    clients.append(Client(url, token=token, prompts=["summarize"], snapshot_dir=folder))
    return clients[-1]


def served(client: Client) -> tuple[str, str]:
    """What an app gets."""
    prompt = client.get("summarize", key="user-1", fallback="none")
    return prompt.version, prompt.source


def test_the_way_back(
    data: Path, tmp_path: Path, valkey: Valkey, repository: PromptRepository, client: list[Client]
) -> None:
    """A registry that runs is recovered: it says what is wrong before, and everybody is served after."""
    of_before = Registry(repository.path, tmp_path / "before")
    promote(of_before, "1.2.0")
    follow(of_before, client, tmp_path / "snapshots").ready(10)
    client.pop().close()
    of_before.kill()
    with valkey.client() as redis:
        old = redis.hgetall(STATES)
    registry = Registry(repository.path, data, port=of_before.port, redis_url=valkey.url)
    told = registry.api.get("/readyz").json
    (check,) = [c for c in registry.api.get("/v1/doctor").json["checks"] if c["name"] == "epoch"]
    knows = follow(registry, client, tmp_path / "snapshots")

    assert told["status"] == "ready"
    assert "days ahead of this machine's clock" in told["journal"]
    assert (check["status"], f"journal recover --data {data}" in check["message"]) == ("error", True)
    until(lambda: knows.status()["prompts"]["summarize"]["error"], "the client to refuse what it is sent")
    assert served(knows) == ("1.2.0", "snapshot")

    said = recover(data, valkey)
    assert "goes back from" in said
    assert "What Redis held of the old epoch is removed" in said
    until(lambda: served(knows) == ("1.1.0", "live"), "the client to be served again")
    done = promote(registry, "1.2.0")
    until(lambda: served(knows) == ("1.2.0", "live"), "the client to follow")
    assert (done["applied"], done["epoch"] < int(old["head"].split(".")[0])) == (True, True)
    assert valkey.states()[0] == f"{done['epoch']}.{done['seq']}"
    assert registry.api.get("/readyz").json["journal"] == "ok"
    assert "epoch" not in {c["name"] for c in registry.api.get("/v1/doctor").json["checks"]}
    assert verify(data).problems == ()
    registry.kill()


def test_what_is_older_stays_older(
    data: Path, tmp_path: Path, valkey: Valkey, repository: PromptRepository, client: list[Client]
) -> None:
    """After a restart, with a Redis and a mirror of before; and an old copy knows that it is one."""
    target = str(tmp_path / "mirror.git")
    mirror.push(data, target, Credentials(), begin=True)
    mirror.remember(data, target)
    with valkey.client() as redis:
        old = redis.hgetall(STATES)
    recover(data, valkey)
    with valkey.client() as redis:
        redis.hset(STATES, mapping=old)
    registry = Registry(repository.path, data, redis_url=valkey.url)
    app = follow(registry, client, tmp_path / "snapshots")

    assert app.ready(10)
    assert served(app) == ("1.1.0", "live")
    done = promote(registry, "1.0.0")
    head = f"{done['epoch']}.{done['seq']}"
    assert (done["applied"], valkey.states()[0]) == (True, head)
    until(lambda: mirror.status(data, target).seq == done["seq"], "the mirror to have it too")
    assert registry.stop() == 0, registry.log

    copy = Registry(repository.path, tmp_path / "older", redis_url=valkey.url)
    refused = copy.api.act("promote", "summarize", {"version": "1.2.0"})
    assert (refused.status, refused.json["code"]) == (503, "journal_behind")
    assert valkey.states()[0] == head
    copy.kill()
    assert "Redis:     up to " + head in recover(tmp_path / "older", valkey)
    assert verify(tmp_path / "older").problems == ()
