"""What a client does not take: releases that cannot be right, and those of a clock that is wrong."""

from __future__ import annotations

import json
import time
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import NO_STREAM, FakeRegistry, event, release, until, version_of

from promptstage import PromptUnavailable
from promptstage._replica.snapshot import Snapshots
from promptstage._replica.validation import rank, read_release
from promptstage.errors import ReleaseInvalid
from promptstage.limits import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from client.conftest import Connect
    from client.fake_registry import Json

DAY = 86_400
NOW = int(time.time())
YEAR_2200 = 7_258_118_400


def slot(start: int, size: Any, arm: str = "canary", version: str = "1.3.0") -> Json:
    """A run of buckets."""
    return {"arm": arm, "version": version, "start": start, "size": size}


def with_slots(*slots: Json) -> Callable[[Json], None]:
    """Let a release have these."""

    def change(body: Json) -> None:
        body["split"]["slots"] = list(slots)

    return change


def with_version(version: str) -> Callable[[Json], None]:
    """Let a release serve a version that is called so."""

    def change(body: Json) -> None:
        body["versions"][version] = body["versions"].pop("1.2.0")
        body["default"]["version"] = version
        body["split"]["slots"].pop()

    return change


def put(*path: Any) -> Callable[[Json], None]:
    """Put the last of these where the others lead."""

    def change(body: Any) -> None:
        for step in path[:-2]:
            body = body[step]
        body[path[-2]] = path[-1]

    return change


BAD = {
    "before the first bucket": with_slots(slot(-1, 10)),
    "past the last bucket": with_slots(slot(99_999, 2)),
    "a negative size": with_slots(slot(10, -5)),
    "half a bucket": with_slots(slot(0, 0.5)),
    "a size in words": with_slots(slot(0, "10")),
    "overlap": with_slots(slot(0, 100), slot(99, 1)),
    "one slot twice": with_slots(slot(0, 100), slot(0, 100)),
    "too many slots": with_slots(*(slot(start, 1) for start in range(RULES + 1))),
    "a line in a version": with_version("1.2.0\nERROR root"),
    "a version of words": with_version("latest"),
    "a long version": with_version(f"1.2.0-{'a' * 200}"),
    "a line in an arm": put("default", "arm", "stable\n"),
    "an arm of spaces": put("split", "slots", 0, "arm", "  "),
    "a line in a rollout": put("split", "rollout", "r-1\r\nx"),
    "an unknown default": put("default", "version", "9.9.9"),
    "no digest": put("versions", "1.2.0", "digest", "sha256:"),
    "a line in a digest": put("versions", "1.2.0", "digest", "sha256:12\n34"),
    "another kind of digest": put("versions", "1.2.0", "digest", "md5:" + "0" * 64),
    "a line in a commit": put("versions", "1.2.0", "commit", "c0ffee\n"),
    "a negative number": put("versions", "1.2.0", "number", -1),
    "an epoch in words": put("epoch", "100"),
    "an epoch that is true": put("epoch", True),
    "a negative seq": put("seq", -1),
    "the year 2200": put("epoch", YEAR_2200),
    "no time at all": put("epoch", 10**30),
    "too many targets": put("targets", [{"when": [], "version": "1.3.0", "arm": "canary"}] * (RULES + 1)),
    "values that are a text": put(
        "targets", [{"when": [{"attribute": "a", "in": "acme"}], "version": "1.3.0", "arm": "canary"}]
    ),
    "a newer format": put("format", 2),
}


@pytest.fixture
def good() -> Json:
    """A release with a rollout, which every change below spoils."""
    return release(stable="1.2.0", candidate="1.3.0", percent=10, epoch=NOW)


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_what_cannot_be_served_is_refused(good: Json, change: Callable[[Json], None]) -> None:
    """With a reason on one line."""
    read_release(deepcopy(good))
    change(good)

    with pytest.raises(ReleaseInvalid):
        read_release(good)


@pytest.mark.parametrize("mode", ["normal", NO_STREAM])
def test_a_bad_release_is_told_of_and_the_last_good_stays(
    connect: Connect, registry: FakeRegistry, quick: None, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """Once in the log, on one line, and in `status`; the next good one ends it."""
    registry.mode = mode
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    bad = release(stable="1.2.0", candidate="1.3.0", percent=50, seq=2)
    bad["split"]["slots"][0]["arm"] = "can\nary"
    registry.publish(bad)
    until(lambda: client.status()["prompts"]["summarize"]["error"] is not None)
    registry.publish(bad)

    assert client.get("summarize", key="u").version == "1.2.0"
    told = [record.getMessage() for record in caplog.records if "is ignored" in record.getMessage()]
    assert told == [r"a release of summarize is ignored: 'can\nary' is no arm"]
    registry.publish(release(stable="1.4.0", seq=3))
    until(lambda: client.get("summarize").version == "1.4.0")
    assert client.status()["prompts"]["summarize"]["error"] is None


def test_a_bad_version_is_not_pinned(connect: Connect, registry: FakeRegistry) -> None:
    """Nor kept."""
    registry.versions["summarize", "1.0.0"] = version_of("summarize", "1.0.0", digest="sha256:")

    with pytest.raises(PromptUnavailable, match="is no digest"):
        connect().get("summarize", version="1.0.0")


@pytest.mark.parametrize("days", [2, 30, 60_000])
def test_an_epoch_of_the_future_replaces_nothing(connect: Connect, registry: FakeRegistry, days: int) -> None:
    """It is told of, and the changes that come with the right one arrive."""
    registry.releases["summarize"] = release(epoch=NOW)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.publish(release(stable="6.6.6", epoch=NOW + days * DAY))
    until(lambda: client.status()["prompts"]["summarize"]["error"] is not None)
    assert client.get("summarize").version == "1.2.0"
    registry.publish(release(stable="1.3.0", epoch=NOW, seq=2))

    until(lambda: client.get("summarize").version == "1.3.0")
    assert client.status()["prompts"]["summarize"]["error"] is None


def test_a_client_that_knows_only_the_future_comes_back(connect: Connect, registry: FakeRegistry) -> None:
    """Also one whose snapshot has it, once the registry's clock is right: it asks without a position."""
    registry.releases["summarize"] = release(stable="6.6.6", epoch=NOW + 30 * DAY, seq=9)
    first = connect(prompts=["summarize"])
    assert first.ready(10)
    first.close()
    registry.publish(release(stable="1.3.0", epoch=NOW))
    second = connect(prompts=["summarize"])
    until(lambda: second.get("summarize").version == "1.3.0")
    second.close()

    assert registry.asked[-1] == {"summarize": None}
    assert connect(prompts=["summarize"]).get("summarize").version == "1.3.0"


def test_a_poisoned_snapshot_heals(tmp_path: Path) -> None:
    """Whatever it holds is replaced by what is right; what a newer version of us wrote is left alone."""
    snapshots = Snapshots(tmp_path, "https://prompts.example.org", "production")
    snapshots.save_release("summarize", json.dumps(release(epoch=NOW)).encode())
    file = snapshots.folder / "summarize.json"
    poisons: list[Any] = [release(epoch=YEAR_2200), release(epoch=NOW + 30 * DAY), [], {"format": "x"}]
    for poison in poisons:
        file.write_text(json.dumps(poison))
        snapshots.save_release("summarize", json.dumps(release(epoch=NOW)).encode())
        assert json.loads(file.read_bytes()) == release(epoch=NOW)
    file.write_text(newer := json.dumps({"format": 2}))
    snapshots.save_release("summarize", json.dumps(release(epoch=NOW)).encode())

    assert file.read_text() == newer


def test_a_snapshot_of_a_newer_format_is_refused_by_name(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """And the registry is asked."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    client.close()
    file = Path(client.status()["snapshots"]["folder"] or "") / "summarize.json"
    file.write_text('{"format": 2, "anything": "else"}')

    assert connect().get("summarize").source == "live"
    assert "the snapshot of an earlier run: it has format 2; this promptstage reads 1" in caplog.text


def test_an_older_epoch_is_told_of(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """A registry restored without `recover`, or another one: what is held stays, and is not confirmed."""
    registry.releases["summarize"] = release(epoch=200)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.publish(release(stable="1.1.0", epoch=100, seq=7))
    registry.beat()
    until(lambda: "of epoch 100" in str(client.status()["prompts"]["summarize"]["error"]))

    assert client.get("summarize").version == "1.2.0"
    until(lambda: caplog.text.count("the registry's journal is of epoch 100") == 1)


def test_a_later_epoch_is_no_news(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """A journal that was recovered may not have come to this prompt yet."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.send(event("heartbeat", {"epoch": 200, "seq": 1}))
    until(lambda: client.status()["stream"]["head"] == "200.1")

    assert client.status()["prompts"]["summarize"]["error"] is None
    assert not caplog.records


def test_where_the_clock_here_is_surely_wrong_every_epoch_may_be_right(
    good: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that starts in 1970 serves what the registry sends, in the right order."""
    monkeypatch.setattr("promptstage._replica.validation.wall", lambda: 0.0)
    later = {**good, "epoch": NOW + 1}

    assert rank(read_release(later).position) > rank(read_release(good).position)
