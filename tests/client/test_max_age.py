"""Jobs that end soon: how old what an earlier run left behind may be, and when a client is ready."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import BLACK_HOLE, SILENT_STREAM, FakeRegistry, release, until

if TYPE_CHECKING:
    from client.conftest import Connect

    from promptstage import Client

HOUR = 3600.0


@pytest.fixture
def left_behind(connect: Connect, registry: FakeRegistry) -> Path:
    """The snapshot of 1.2.0; then 1.3.0 is promoted, and no stream brings it."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    client.close()
    registry.releases["summarize"] = release(stable="1.3.0", seq=2)
    registry.mode = SILENT_STREAM
    return Path(client.status()["snapshots"]["folder"] or "") / "summarize.json"


def age(file: Path, seconds: float) -> None:
    """Let a file be so old; a negative age is a date in the future."""
    then = time.time() - seconds
    os.utime(file, (then, then))


def got(client: Client) -> tuple[str, str]:
    """What it serves, and from where."""
    prompt = client.get("summarize")
    return prompt.version, prompt.source


def test_a_young_snapshot_is_served_at_once(
    connect: Connect, registry: FakeRegistry, left_behind: Path
) -> None:
    """No request is made for it."""
    age(left_behind, HOUR - 60)

    assert got(connect()) == ("1.2.0", "snapshot")
    assert registry.count("GET") == 0


@pytest.mark.parametrize("names", [[], ["summarize"]])
def test_an_old_one_waits_once_for_the_registry(
    connect: Connect, left_behind: Path, names: list[str]
) -> None:
    """The default is an hour; then what the registry serves is live."""
    age(left_behind, HOUR + 60)

    assert got(connect(prompts=names)) == ("1.3.0", "live")


def test_aget_waits_as_well(connect: Connect, left_behind: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without blocking the event loop, of which there would be a warning."""
    age(left_behind, HOUR + 60)

    assert asyncio.run(connect().aget("summarize")).version == "1.3.0"
    assert "event loop" not in caplog.text


@pytest.mark.parametrize("mode", [BLACK_HOLE, 500, 401, 404])
def test_without_an_answer_it_goes_on_with_the_old_one(
    connect: Connect, registry: FakeRegistry, left_behind: Path, mode: str | int
) -> None:
    """After one wait, and with its true age."""
    age(left_behind, 2 * HOUR)
    registry.mode = mode
    client = connect(timeout=0.1)
    assert got(client) == ("1.2.0", "snapshot")
    begun = time.monotonic()

    assert got(client) == ("1.2.0", "snapshot")
    assert time.monotonic() - begun < 0.05
    assert client.get("summarize").age == pytest.approx(2 * HOUR, abs=10)


@pytest.mark.parametrize(("setting", "variable"), [(0, "60"), (None, "0"), (0.0, None)])
def test_how_old_is_too_old_can_be_said(
    connect: Connect, left_behind: Path, monkeypatch: pytest.MonkeyPatch, setting: Any, variable: str | None
) -> None:
    """As an argument, or in the environment."""
    if variable:
        monkeypatch.setenv("PROMPTSTAGE_MAX_AGE", variable)

    assert got(connect(max_age=setting)) == ("1.3.0", "live")


@pytest.mark.parametrize("nonsense", [-1, float("nan"), "an hour"])
def test_an_age_that_is_none_is_an_error(connect: Connect, nonsense: Any) -> None:
    """At once, and it says which argument."""
    with pytest.raises(ValueError, match="is a number of seconds"):
        connect(max_age=nonsense)


def test_a_snapshot_dated_ahead_is_as_old_as_the_clocks_differ(connect: Connect, left_behind: Path) -> None:
    """A test that froze the time, or a machine without a clock, wrote it: not young for years."""
    later = time.time() + 4 * 365 * 24 * HOUR
    os.utime(left_behind, (later, later))
    assert got(connect()) == ("1.2.0", "snapshot")  # the system knows when it was written

    assert connect().get("summarize").age < 60


def test_ready_says_whether_the_registry_answers(connect: Connect, registry: FakeRegistry) -> None:
    """Where nothing was asked for yet; a look alone never says so of one that did not."""
    client = connect()
    registry.delay.clear()
    assert not client.ready(0)
    registry.delay.set()
    assert client.ready(10)

    assert client.ready(0)
    assert registry.count("GET /v1/environments/production/releases?names=") >= 1


@pytest.mark.parametrize("mode", [BLACK_HOLE, 500, 401, 404, 302])
def test_ready_is_false_of_one_that_does_not(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture, mode: str | int
) -> None:
    """And says why in the log."""
    registry.mode = mode

    assert not connect(timeout=0.1).ready(0.2)
    assert "not ready after 0.2 s: " in caplog.text


def test_ready_waits_until_the_registry_is_there(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deployments start both at once."""
    monkeypatch.setattr("promptstage.limits.BREAKER_PAUSE", 0.02)
    registry.mode = 503
    client = connect()
    until(lambda: not client.ready(0.05) and registry.count("GET") > 2)
    registry.mode = "normal"

    assert client.ready(10)


def test_after_ready_the_registry_is_asked_for_each_name(connect: Connect, left_behind: Path) -> None:
    """`ready` said yes: what is served then is what the registry serves."""
    client = connect()
    assert client.ready(10)

    assert got(client) == ("1.3.0", "live")


def test_a_closed_client_is_never_ready(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does it wait."""
    client = connect()
    client.close()

    assert not client.ready(60)
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]
