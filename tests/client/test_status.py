"""One shape of `status`, for the real client and for the one of tests."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from client.fake_registry import NO_STREAM, FakeRegistry, event, release, until

from promptstage import testing
from promptstage.status import PromptStatus, Status, StreamStatus, now

if TYPE_CHECKING:
    import pytest
    from client.conftest import Connect


def shape(value: Any) -> Any:
    """The keys, all the way down, without those of names and counts."""
    if not isinstance(value, dict):
        return None
    return {key: shape(inner) for key, inner in value.items() if key != "prompts"}


def test_the_shape_is_the_documented_one(connect: Connect) -> None:
    """For every name and for the stream."""
    client = connect(prompts=["summarize", "later"])
    status = client.status()

    assert status.keys() == Status.__annotations__.keys()
    assert status["stream"].keys() == StreamStatus.__annotations__.keys()
    assert {name: held.keys() for name, held in status["prompts"].items()} == dict.fromkeys(
        ["summarize", "later"], PromptStatus.__annotations__.keys()
    )


def test_the_client_of_tests_has_the_same_shape(connect: Connect) -> None:
    """An application's debug page needs no registry to be tested."""
    of_tests = testing.Client.of({"summarize": "Summarize"})

    assert shape(of_tests.status()) == shape(connect().status())
    assert of_tests.status()["prompts"]["summarize"]["version"] == "1.0.0"


def test_it_is_json(connect: Connect) -> None:
    """As it is, and nothing in it is infinite."""
    client = connect()
    client.get("summarize")
    client.get("later", fallback="mine")

    assert json.loads(json.dumps(client.status(), allow_nan=False))["counts"]["fallbacks"] == 1
    json.dumps(testing.Client.of({"summarize": "Summarize"}).status(), allow_nan=False)


def test_a_name_says_what_is_served(connect: Connect, registry: FakeRegistry) -> None:
    """All versions that a key can get, the one for everyone first; or why there is none."""
    registry.releases["summarize"] = release(candidate="1.3.0", percent=10, seq=7)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    client.get("later", fallback="mine")

    held = client.status()["prompts"]["summarize"]
    assert held["age"] is not None
    assert 0 <= held["age"] < 10
    assert (held["version"], held["versions"]) == ("1.2.0", ["1.2.0", "1.3.0"])
    assert (held["source"], held["epoch"], held["seq"], held["error"]) == ("live", 100, 7, None)
    assert client.status()["prompts"]["later"]["error"] == "no_release"


def test_the_stream_says_its_state_and_since_when(
    connect: Connect, registry: FakeRegistry, quick: None
) -> None:
    """Connected, then not, with the reason; and connected again without one."""
    client = connect(prompts=["summarize"])
    until(lambda: client.status()["stream"]["state"] == "connected")
    connected = client.status()["stream"]
    assert datetime.fromisoformat(connected["since"]).tzinfo is not None
    assert (connected["head"], connected["failures"], connected["error"]) == ("100.1", 0, None)

    registry.publish(release(seq=2))
    until(lambda: client.status()["stream"]["head"] == "100.2")
    assert client.status()["stream"]["since"] == connected["since"]

    registry.mode = 500
    registry.drop_streams()
    until(lambda: client.status()["stream"]["failures"] >= 2)
    lost = client.status()["stream"]
    assert lost["state"] in {"backing off", "connecting"}
    assert lost["error"] == "500 as the test wants it"

    registry.mode = "normal"
    until(lambda: client.status()["stream"]["state"] == "connected")
    assert client.status()["stream"]["error"] is None
    last = client.status()["last_error"]
    assert last is not None
    assert last["error"] == "500 as the test wants it"
    assert connected["since"] <= last["at"] <= now()


def test_polling_says_why(connect: Connect, registry: FakeRegistry, quick: None) -> None:
    """So that somebody looks at the proxy."""
    registry.mode = NO_STREAM
    client = connect(prompts=["summarize"])
    until(lambda: client.status()["stream"]["state"] == "polling")

    assert "asked for a stream" in str(client.status()["stream"]["error"])


def test_a_release_without_a_name_is_reported(connect: Connect, registry: FakeRegistry) -> None:
    """It cannot be used, and is not passed over in silence."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.send(event("release", {"epoch": 100, "seq": 2}))
    until(lambda: client.status()["last_error"] is not None)

    assert "the stream sent a release without a name" in str(client.status()["last_error"])


def test_what_was_unreadable_and_is_gone_says_so(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest reason counts."""
    monkeypatch.setattr("promptstage.limits.INQUIRE_EVERY", 0.0)
    registry.releases["later"] = release("another")
    client = connect(prompts=["later"])
    until(lambda: "a release of another" in str(client.status()["prompts"]["later"]["error"]))
    del registry.releases["later"]
    registry.beat()

    until(lambda: client.status()["prompts"]["later"]["error"] == "no_release")
