"""What the client says when something is wrong: what is served instead, and what to do."""

from __future__ import annotations

import asyncio
import logging
from threading import Event
from typing import TYPE_CHECKING

import pytest
from client.fake_registry import SILENT_STREAM, FakeRegistry, release, until

from promptstage import Client, PromptUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from client.conftest import Connect


def words(client: Client, name: str, version: str | None = None) -> str:
    """What the error says."""
    with pytest.raises(PromptUnavailable) as caught:
        client.get(name, version=version)
    return str(caught.value)


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """What the client logged."""
    return [r.getMessage() for r in caplog.records if r.name == "promptstage" and r.levelno >= level]


def test_an_unknown_name_comes_with_those_that_may_be_meant(connect: Connect, registry: FakeRegistry) -> None:
    """Those that the registry suggests, in its words, and those that this client knows."""
    registry.missing_code = "unknown_prompt"
    registry.missing_detail = "there is no prompt 'summarise'; did you mean summaries?"
    client = connect()
    client.get("summarize")

    said = words(client, "summarise")
    assert "did you mean summaries?" in said
    assert "this client knows summarize" in said
    assert "promptstage tag summarise" in said


def test_what_is_not_released_comes_with_the_command(connect: Connect) -> None:
    """For this very name and environment."""
    assert "promptstage promote later VERSION -e production" in words(connect(), "later")


def test_an_unknown_version_comes_with_those_that_there_are(connect: Connect) -> None:
    """In the registry's words, and with the command that lists them."""
    said = words(connect(), "summarize", "9.9.9")

    assert "promptstage versions summarize" in said
    assert "(not there)" in said


def test_a_refused_token_comes_with_how_to_have_one_made(connect: Connect, registry: FakeRegistry) -> None:
    """And with what the registry has against this one."""
    registry.mode = 401
    said = words(connect(token="secret"), "summarize")

    assert "promptstage token create --role reader -e production" in said
    assert "401 as the test wants it" in said
    assert "secret" not in said


def test_an_outage_is_told_once_with_what_is_served_instead(
    connect: Connect, registry: FakeRegistry, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    """And its end too."""
    caplog.set_level(logging.INFO)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.mode = 500
    registry.drop_streams()
    registry.wait(lambda: registry.count("POST") >= 5)
    registry.mode = "normal"
    until(lambda: client.status()["stream"]["state"] == "connected")

    lost, again = lines(caplog, logging.INFO)
    assert "cannot be reached (500 as the test wants it); get goes on with the 1 held, confirmed" in lost
    assert again == "the registry answers again"


def test_an_outage_after_a_restart_tells_of_the_snapshot(
    connect: Connect, registry: FakeRegistry, quick: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads it knows that it may be old."""
    with Client(registry.url, snapshot_dir=tmp_path) as before:
        before.get("summarize")
    registry.mode = 500
    connect(prompts=["summarize"], snapshot_dir=tmp_path)
    until(lambda: bool(lines(caplog)))

    assert "1 held, 1 of them from an earlier run's snapshot" in lines(caplog)[0]


def test_an_outage_in_which_nothing_is_held_says_so(
    connect: Connect, registry: FakeRegistry, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nothing to go on with."""
    registry.mode = 500
    connect(prompts=["summarize"])
    until(lambda: bool(lines(caplog)))

    assert "nothing is held, so get returns its fallback" in lines(caplog)[0]


def test_a_stream_that_ends_is_no_outage(
    connect: Connect, registry: FakeRegistry, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A registry that is started again ends its streams; the next attempt succeeds."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.drop_streams()
    registry.wait_for_streams(2)

    assert lines(caplog) == []


def test_a_fallback_is_told_once_a_name(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """With why; and again if the prompt was had in between and is not any more."""
    client = connect()
    for _ in range(5):
        client.get("later", fallback="mine")

    assert len(lines(caplog)) == 1
    assert "the fallback is served: no later in production" in lines(caplog)[0]


def test_a_cold_get_in_an_event_loop_is_told_once(
    connect: Connect,
    registry: FakeRegistry,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With where it is and what to use; only where it really has to wait."""
    monkeypatch.setattr("promptstage.fetcher._warned", Event())
    registry.mode = SILENT_STREAM
    registry.releases["other"] = release("other")
    client = connect()

    async def main() -> None:
        await client.aget("summarize")
        client.get("summarize")
        assert lines(caplog) == []
        client.get("other")
        client.get("later", fallback="mine")

    asyncio.run(main())
    told = [line for line in lines(caplog) if "aget" in line]
    assert len(told) == 1
    assert __file__ in told[0]


def test_a_cold_get_outside_of_a_loop_is_nothing_to_tell(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what `get` is for."""
    monkeypatch.setattr("promptstage.fetcher._warned", Event())
    connect().get("summarize")

    assert lines(caplog) == []


def test_what_is_not_ready_is_named(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """With the reason; whoever only looks is not told each time."""
    client = connect(prompts=["summarize", "sumarize"])
    until(lambda: client.get("summarize").source == "live" and bool(client.status()["stream"]["head"]))
    client.ready(0)
    assert lines(caplog) == []
    client.ready(0.01)

    assert lines(caplog) == [
        "not ready after 0.01 s: sumarize (connected, so nothing is released under these names)"
    ]


def test_not_ready_without_a_registry_says_so(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not the prompts that are missing."""
    registry.mode = 500
    client = connect(prompts=["summarize"])
    until(lambda: client.status()["stream"]["state"] == "backing off")
    client.ready(0.01)

    assert lines(caplog) == ["not ready after 0.01 s: summarize (500 as the test wants it)"]
