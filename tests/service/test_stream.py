"""The stream: what is newer first, then every change, and an end when the process ends."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis
import urllib3
from support import STATES, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support import Api, Registry, Valkey


class Events:
    """Reads one stream, event by event."""

    def __init__(self, api: Api, environment: str, names: object) -> None:
        self._pool = urllib3.PoolManager()
        self._response = self._pool.request(
            "POST",
            f"{api.url}/v1/environments/{environment}/stream",
            json={"names": names},
            headers={"Authorization": f"Bearer {api.token}"},
            preload_content=False,
            timeout=10,
        )
        self.content_type = self._response.headers["Content-Type"]
        self._lines = self._read()

    def _read(self) -> Iterator[str]:
        buffer = b""
        while chunk := self._response.read1():
            buffer += chunk
            *lines, buffer = buffer.split(b"\n")
            yield from (line.decode() for line in lines)

    def next(self) -> tuple[str, Any]:
        """The next event: its kind and its data."""
        kind = next(self._lines).removeprefix("event: ")
        data = json.loads(next(self._lines).removeprefix("data: "))
        assert next(self._lines) == ""
        return kind, data

    def release(self) -> Any:
        """The next release; a heartbeat may come at any time."""
        return next(data for kind, data in iter(self.next, None) if kind == "release")

    def ended(self) -> bool:
        """Whether nothing more comes but heartbeats."""
        events = (line for line in self._lines if line.startswith("event: "))
        return all(event == "event: heartbeat" for event in events)

    def close(self) -> None:
        """Hang up."""
        self._response.close()
        self._pool.clear()


@pytest.fixture
def follow(api: Api, environment: str) -> Iterator[Callable[[object], Events]]:
    """Opens streams on the shared registry."""
    opened: list[Events] = []

    def start(names: object) -> Events:
        opened.append(Events(api, environment, names))
        return opened[-1]

    yield start
    for events in opened:
        events.close()


def promote(api: Api, environment: str, version: str) -> Any:
    """Put a version in force."""
    return api.act("promote", "summarize", {"version": version}, environment).json


def test_a_new_client_gets_the_release_and_then_a_heartbeat(
    api: Api, environment: str, follow: Callable[[object], Events]
) -> None:
    """The heartbeat says where the journal is, and so confirms what was not sent."""
    made = promote(api, environment, "1.0.0")
    events = follow({"summarize": None, "support/triage": None})
    kind, release = events.next()
    beat, head = events.next()

    assert events.content_type.startswith("text/event-stream")
    assert (kind, release["seq"], release["default"]["version"]) == ("release", made["seq"], "1.0.0")
    assert (beat, head["epoch"]) == ("heartbeat", made["epoch"])
    assert head["seq"] >= made["seq"]


def test_a_client_that_has_the_newest_gets_changes_only(
    api: Api, environment: str, follow: Callable[[object], Events]
) -> None:
    """What it holds is not sent again; what changes is."""
    made = promote(api, environment, "1.0.0")
    events = follow({"summarize": f"{made['epoch']}.{made['seq']}"})
    assert events.next()[0] == "heartbeat"
    newer = promote(api, environment, "1.1.0")

    assert events.release()["seq"] == newer["seq"]


def test_a_first_release_arrives_at_whoever_waits_for_it(
    api: Api, environment: str, follow: Callable[[object], Events]
) -> None:
    """A name without a release is followed too, and other environments are not."""
    events = follow({"summarize": None})
    assert events.next()[0] == "heartbeat"
    promote(api, "staging", "1.0.0")
    promote(api, environment, "1.2.0")

    assert events.release()["environment"] == environment


def test_get_and_post_are_the_same_stream(api: Api, environment: str) -> None:
    """With a few names a URL is enough."""
    promote(api, environment, "1.0.0")
    url = f"{api.url}/v1/environments/{environment}/stream?names=summarize,support/triage@1.0"
    with urllib3.PoolManager() as pool:
        response = pool.request(
            "GET", url, headers={"Authorization": f"Bearer {api.token}"}, preload_content=False
        )
        assert response.read1().startswith(b"event: release\ndata: {")
        response.close()


def test_a_change_through_another_registry_arrives(serve: Callable[..., Registry]) -> None:
    """Registries of one folder tell each other, and each its own clients."""
    first, second = serve(), serve()
    events = Events(first.api, "production", {"summarize": None})
    assert events.next()[0] == "heartbeat"
    made = second.api.act("promote", "summarize", {"version": "1.0.0"}).json
    release = events.release()
    events.close()

    assert release["seq"] == made["seq"]


def test_open_streams_end_with_the_registry(serve: Callable[..., Registry]) -> None:
    """A stop does not wait for clients that would listen for ever."""
    registry = serve()
    events = Events(registry.api, "production", {"summarize": None})
    assert events.next()[0] == "heartbeat"
    begun = time.monotonic()
    registry.stop()

    assert events.ended()
    assert time.monotonic() - begun < 4
    events.close()


def test_a_release_that_cannot_be_made_costs_a_stream_no_other(
    serve: Callable[..., Registry], valkey: Valkey
) -> None:
    """A Redis may know a state whose version is nowhere here; the other names are followed all the same."""
    registry = serve(redis_url=valkey.url)
    made = promote(registry.api, "production", "1.0.0")
    lost = made["state"] | {"prompt": "support/triage", "seq": made["seq"] + 1}
    lost["stable"] = made["state"]["stable"] | {"digest": f"sha256:{'0' * 64}"}
    head = f"{lost['epoch']}.{lost['seq']}"
    with redis.Redis.from_url(valkey.url) as known:
        fields = {"production/support/triage": json.dumps(lost), "head": head}
        known.hset(STATES, mapping=fields)
    until(lambda: registry.api.state("support/triage")["seq"] == lost["seq"], "the state to be adopted")

    events = Events(registry.api, "production", {"support/triage": None, "summarize": None})
    assert [events.next()[0], events.next()[0]] == ["release", "heartbeat"]
    events.close()
