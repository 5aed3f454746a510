"""Who is connected and has what: counted over all processes, and never more than is known."""

from __future__ import annotations

import json
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from support import prompt, unread_stream, until

from promptstage import Client
from registry.rollouts.position import Position
from registry.streams.counts import NOTHING, StreamCounts, count, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Api, PromptRepository, Registry, Valkey

BIG = prompt("Summarize {{text}} " + "at length " * 20_000)


def clients_of(api: Api, environment: str = "production", names: str | None = "summarize") -> Any:
    """What the registry tells."""
    query = "" if names is None else f"?names={names}"
    return api.get(f"/v1/environments/{environment}/clients{query}").json


def counted(api: Api, current: int, connected: int, release: str | None = None) -> bool:
    """Whether so many have the newest release of the prompt, or the one that is named."""
    told = clients_of(api)
    row = told["data"][0]
    known = release is None or row["release"] == release
    return known and (row["current"], row["connected"], told["complete"]) == (current, connected, True)


def promote(api: Api, version: str) -> str:
    """Put a version in force; the position of that change."""
    made = api.act("promote", "summarize", {"version": version}).json
    return f"{made['epoch']}.{made['seq']}"


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[Registry], Client]]:
    """Makes real clients, and closes them."""
    made: list[Client] = []

    def client(registry: Registry) -> Client:
        folder = tmp_path / f"snapshots-{len(made)}"
        token = registry.api.token
        made.append(Client(registry.url, token=token, prompts=["summarize"], snapshot_dir=folder))
        return made[-1]

    yield client
    for one in made:
        one.close()


def test_clients_are_counted_over_all_processes(
    serve: Callable[..., Registry], valkey: Valkey, connect: Callable[[Registry], Client]
) -> None:
    """Workers and registries that share a Redis are asked as one."""
    first = serve(redis_url=valkey.url, workers=2)
    second = serve(redis_url=valkey.url)
    kept = [connect(registry) for registry in (first, first, second)]

    until(lambda: counted(first.api, 3, 3), "three clients before the first release")
    for version in ("1.0.0", "1.1.0"):
        release = promote(first.api, version)
        until(partial(counted, second.api, 3, 3, release), f"all three to have {version}")
    kept.pop().close()
    until(lambda: counted(first.api, 2, 2), "the client that left to be counted no more")
    assert clients_of(first.api)["registries"] == 3

    second.stop()
    assert clients_of(first.api)["registries"] == 2


def test_a_client_that_reads_nothing_is_not_current(
    serve: Callable[..., Registry], new_repository: PromptRepository, connect: Callable[[Registry], Client]
) -> None:
    """Connected is not the same as served."""
    new_repository.tag("summarize", "3.0.0", BIG)
    registry = serve(source=new_repository)
    reader = connect(registry)
    with unread_stream(registry):
        until(lambda: counted(registry.api, 2, 2), "both clients")
        release = promote(registry.api, "3.0.0")
        until(lambda: counted(registry.api, 1, 2, release), "the client that reads to have it")
        assert reader.get("summarize").version == "3.0.0"
        assert counted(registry.api, 1, 2, release)
    until(lambda: counted(registry.api, 1, 1), "the stuck client to be gone")


def test_the_report_of_a_killed_registry_vanishes(serve: Callable[..., Registry], valkey: Valkey) -> None:
    """Nobody has to clear up after a power cut."""
    first, second = serve(redis_url=valkey.url), serve(redis_url=valkey.url)
    until(lambda: clients_of(first.api)["registries"] == 2, "both registries")
    second.kill()

    until(lambda: clients_of(first.api)["registries"] == 1, "the report to be old")
    with valkey.client() as client:
        assert client.hlen("{promptstage}:clients") == 1


def test_without_redis_each_process_counts_its_own(
    serve: Callable[..., Registry], valkey: Valkey, connect: Callable[[Registry], Client]
) -> None:
    """It says that others may be missing, and delays nobody."""
    first, second = serve(redis_url=valkey.url), serve(redis_url=valkey.url)
    kept = [connect(first), connect(second)]
    until(lambda: counted(first.api, 2, 2), "both clients")
    valkey.kill()
    told = clients_of(first.api)
    assert (told["connected"], told["registries"], told["complete"]) == (1, 1, False)

    valkey.start()
    assert clients_of(first.api)["complete"] is False  # the others had no time to tell again
    until(lambda: clients_of(first.api)["complete"], "Redis to be asked again")
    until(lambda: counted(first.api, 2, 2), "both processes to report again")
    assert len(kept) == 2


def test_what_a_client_says_that_it_holds_counts(api: Api, environment: str) -> None:
    """It is not sent again; an older position is current as soon as the newer release is written."""
    made = api.act("promote", "summarize", {"version": "1.0.0"}, environment).json
    release = f"{made['epoch']}.{made['seq']}"
    with socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2]))) as client:
        body = json.dumps({"names": {"summarize": release, "support/triage": None, "NO NAME \ud800": None}})
        client.sendall(
            f"POST /v1/environments/{environment}/stream HTTP/1.1\r\nHost: registry\r\n"
            f"Authorization: Bearer {api.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        told = until(lambda: (t := clients_of(api, environment, None))["connected"] and t, "the stream")

    assert told["data"] == [
        {"prompt": "summarize", "release": release, "connected": 1, "current": 1},
        {"prompt": "support/triage", "release": None, "connected": 1, "current": 1},
    ]


def test_names_are_answered_as_they_are_asked(api: Api, environment: str) -> None:
    """A prompt that nobody follows has nobody who lacks it."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    told = clients_of(api, environment, "nobody/knows,summarize")

    assert [(row["prompt"], row["connected"]) for row in told["data"]] == [
        ("nobody/knows", 0),
        ("summarize", 0),
    ]
    assert (told["connected"], told["complete"]) == (0, True)
    assert api.get("/v1/environments/nowhere/clients").status == 404


def test_a_tally_forgets_what_nobody_holds() -> None:
    """However many names come and go, it keeps those of the open streams."""
    stream_counts = StreamCounts()
    stream_counts.open("production", {"a": NOTHING, "b": Position(1, 2)})
    stream_counts.move("production", "a", NOTHING, Position(1, 3))
    stream_counts.open("production", {"a": NOTHING})
    copy = load(stream_counts.dump().encode())
    assert count([stream_counts, copy], "production", {"a": Position(1, 3), "b": Position(1, 4)}) == {
        "a": (4, 2),
        "b": (2, 0),
    }

    stream_counts.close("production", {"a": Position(1, 3), "b": Position(1, 2)})
    stream_counts.close("production", {"a": NOTHING})
    assert (dict(stream_counts.streams), dict(stream_counts.held)) == ({}, {})


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"streams": {"a": null}, "held": []}', b"\xff"])
def test_a_report_in_other_words_is_refused(text: bytes) -> None:
    """Another release of the registry may tell in another way."""
    with pytest.raises(ValueError, match=r".*"):
        load(text)
