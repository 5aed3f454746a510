"""From a git tag to a stamped log line, with the real service and the real client."""

from __future__ import annotations

import io
import json
import logging
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support import Registry, prompt, until

from promptstage import Client
from promptstage.logs import JsonFormatter, install, uninstall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Api, PromptRepository


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Makes clients with snapshots of the test's own, and closes them."""
    made: list[Client] = []

    def client(registry: Registry, folder: str = "snapshots", environment: str = "production") -> Client:
        token_file = registry.data / "admin.token"
        made.append(
            Client(
                registry.url,
                token=token_file.read_text,
                environment=environment,
                prompts=["summarize"],
                snapshot_dir=tmp_path / folder,
            )
        )
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """An application's logger, writing JSON lines."""
    install()
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("app")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger, written
    logger.removeHandler(handler)
    uninstall()


def test_from_a_tag_to_a_stamped_log_line(
    serve: Callable[..., Registry],
    new_repository: PromptRepository,
    connect: Callable[..., Client],
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    """An author tags, a manager stages, an app gets, and its log says what it got."""
    registry = serve(source=new_repository)
    client = connect(registry)
    new_repository.tag("summarize", "1.3.0", prompt("Summarize for {{reader}}: {{text}}"))
    until(
        lambda: registry.api.act("promote", "summarize", {"version": "1.3.0"}).status == 200,
        "the tag to be seen",
    )
    assert client.ready(10)

    got = client.get("summarize", key="user-42")
    log[0].info("summarized")
    line = json.loads(log[1].getvalue())

    assert got.messages(reader="Ada", text="a thread") == [
        {"role": "user", "content": "Summarize for Ada: a thread"}
    ]
    assert (got.version, got.source, got.reason) == ("1.3.0", "live", "STATIC")
    assert (line["prompt"], line["prompt_version"], line["message"]) == (
        "summarize@1.3.0",
        "1.3.0",
        "summarized",
    )


def test_a_client_follows_every_change(
    registry: Registry, api: Api, environment: str, connect: Callable[..., Client]
) -> None:
    """Staged, widened, promoted, rolled back: the client serves it without being asked."""
    client = connect(registry, environment=environment)

    def serves(version: str, arm: str) -> None:
        def looks() -> bool:
            got = client.get("summarize", key="user-1", fallback="none")
            return (got.version, got.arm) == (version, arm)

        until(looks, f"{version} on {arm}: {client.status()}")

    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    serves("1.0.0", "stable")
    api.act("start", "summarize", {"version": "1.1.0", "steps": [{"percent": 99.999}]}, environment)
    serves("1.1.0", "canary")
    api.act("rollback", "summarize", None, environment)
    serves("1.0.0", "stable")
    api.act("promote", "summarize", {"version": "1.2.0"}, environment)
    serves("1.2.0", "stable")


SAME_ARM = """
import json, sys
from promptstage import Client
url, token, folder = sys.argv[1:]
with Client(url, token=token, environment="staging", prompts=["summarize"], snapshot_dir=folder) as client:
    assert client.ready(10), client.status()
    print(json.dumps([client.get("summarize", key=f"user-{i}").arm for i in range(2000)]))
"""


def test_the_same_key_has_the_same_arm_everywhere(serve: Callable[..., Registry], tmp_path: Path) -> None:
    """Three client processes on two registries agree on 2,000 users."""
    first, second = serve(), serve()
    first.api.act("promote", "summarize", {"version": "1.0.0"}, "staging")
    steps = [{"percent": 20}]
    made = first.api.act("start", "summarize", {"version": "1.1.0", "steps": steps}, "staging").json
    until(lambda: second.api.state("summarize", "staging")["seq"] == made["seq"], "the other registry")

    arms = [
        json.loads(
            subprocess.check_output(
                [sys.executable, "-c", SAME_ARM, registry.url, first.api.token, str(tmp_path / str(i))],
                text=True,
            )
        )
        for i, registry in enumerate((first, second, first))
    ]

    assert arms[0] == arms[1] == arms[2]
    assert set(arms[0]) == {"canary", "control", "stable"}


def test_a_stopped_registry_costs_an_app_nothing(
    serve: Callable[..., Registry], connect: Callable[..., Client]
) -> None:
    """100,000 calls without a registry, and an app that starts without one: no error, from the snapshot."""
    registry = serve()
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    client = connect(registry)
    assert client.ready(10)
    client.close()
    registry.kill()

    with socket.create_server(("127.0.0.1", registry.port)):  # takes connections, and never answers
        restarted = connect(registry)
        first = restarted.get("summarize", key="user-1")
        versions = {restarted.get("summarize", key=f"user-{i}").version for i in range(100_000)}

    assert (first.version, first.source) == ("1.0.0", "snapshot")
    assert versions == {"1.0.0"}


def test_a_token_that_an_operator_keeps_outlives_the_data_folder(
    serve: Callable[..., Registry], connect: Callable[..., Client]
) -> None:
    """A new journal takes the token that is in its folder, so that running apps need no other."""
    registry = serve()
    registry.api.act("promote", "summarize", {"version": "1.1.0"})
    folder = registry.data.with_name("kept")
    with Client(
        registry.url, token=registry.api.token, prompts=["summarize"], snapshot_dir=folder
    ) as running:
        assert running.ready(10)
        registry.stop()
        shutil.rmtree(registry.data)
        registry.data.mkdir()
        (registry.data / "admin.token").write_text(registry.api.token)
        anew = serve(port=registry.port)
        assert anew.api.token == registry.api.token
        assert (anew.data / "admin.token").stat().st_mode & 0o777 == 0o600
        anew.api.act("promote", "summarize", {"version": "1.0.0"})
        until(lambda: running.get("summarize", key="u").version == "1.0.0", "the new journal")


def test_clients_follow_a_journal_that_was_begun_anew(
    serve: Callable[..., Registry], connect: Callable[..., Client]
) -> None:
    """The data folder is gone: a client that ran on, and one with an old snapshot, follow the new journal."""
    registry = serve()
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        made = registry.api.act("promote", "summarize", {"version": version}).json
    running = connect(registry)
    assert running.ready(10)
    old = connect(registry, "old")
    assert old.ready(10)
    old.close()
    registry.stop()
    shutil.rmtree(registry.data)

    anew = serve(port=registry.port)
    assert anew.api.act("promote", "summarize", {"version": "1.0.0"}).json["epoch"] > made["epoch"]
    for client in (running, connect(anew, "old")):
        until(lambda: client.get("summarize", key="u").version == "1.0.0", "the new journal")  # noqa: B023
        assert client.get("summarize", key="u").source == "live"
