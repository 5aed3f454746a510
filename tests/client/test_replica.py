"""How releases are kept fresh, and what a failing registry does to those that are held: nothing."""

from __future__ import annotations

import gc
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from client.fake_registry import (
    BLACK_HOLE,
    NO_STREAM,
    SILENT_STREAM,
    FakeRegistry,
    event,
    release,
    until,
    version_of,
)

from promptstage import Client, PromptUnavailable
from promptstage._replica.follower import Follower

if TYPE_CHECKING:
    from pathlib import Path

    from client.conftest import Connect


def version(client: Client, name: str = "summarize") -> str:
    """What a client serves, fetching nothing."""
    return client.get(name, fallback="nothing").version


def threads() -> list[threading.Thread]:
    """The threads of all clients."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("promptstage")]


def test_it_says_which_documents_it_reads(connect: Connect, registry: FakeRegistry) -> None:
    """The newest edition, whenever it asks for releases."""
    registry.mode = SILENT_STREAM
    connect().get("summarize")

    assert registry.count("GET /v1/environments/production/releases/summarize?edition=2")


def test_a_change_arrives_by_itself(connect: Connect, registry: FakeRegistry) -> None:
    """The stream brings the new release; nobody asks for it."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.publish(release(stable="1.3.0", seq=2))
    until(lambda: version(client) == "1.3.0")

    assert registry.requests == ["POST /v1/environments/production/stream"]
    until(lambda: client.status()["stream"]["head"] == "100.2")


def test_a_change_arrives_at_once(connect: Connect, registry: FakeRegistry) -> None:
    """From sent to served takes 20 ms at most, half of the time: nothing on the way buffers."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    took = []
    for seq in range(2, 42):
        began = time.perf_counter()
        registry.publish(release(stable=f"1.{seq}.0", seq=seq))
        until(lambda seq=seq: version(client) == f"1.{seq}.0")  # type: ignore[misc]
        took.append(time.perf_counter() - began)

    assert statistics.median(took) <= 0.020


def test_a_change_is_taken_in_without_a_look_at_all_names(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application may follow thousands: whether there are new ones is not looked up at each event."""
    looks: list[object] = []
    monkeypatch.setattr("promptstage.limits.ATTEMPT_SPACING", 0.0)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    monkeypatch.setattr(Follower, "_lacks", looks.append)
    registry.publish(release(stable="1.3.0", seq=2))
    until(lambda: version(client) == "1.3.0" and client.status()["stream"]["head"] == "100.2")

    assert looks == []


def test_ready_waits_for_all_names(connect: Connect, registry: FakeRegistry) -> None:
    """A prompt without a release is never ready, until its first promote arrives."""
    client = connect(prompts=["summarize", "later"])
    registry.wait_for_streams()
    assert not client.ready(0.05)
    registry.publish(release("later", seq=2))

    assert client.ready(10)
    assert version(client, "later") == "1.2.0"


def test_a_first_promote_reaches_a_name_that_was_missing(connect: Connect, registry: FakeRegistry) -> None:
    """What was unavailable stays subscribed."""
    client = connect()
    with pytest.raises(PromptUnavailable):
        client.get("later")
    registry.wait(lambda: any("later" in names for names in registry.asked))
    asked = registry.count("GET")  # once; twice where the stream was slow to open
    registry.publish(release("later", seq=2))

    assert client.ready(10)
    assert version(client, "later") == "1.2.0"
    assert registry.count("GET") == asked


def test_new_names_join_the_stream_together(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A burst of names costs one more opening, and the stream says what is held already."""
    monkeypatch.setattr("promptstage.limits.ATTEMPT_SPACING", 0.3)
    names = [f"prompt-{number}" for number in range(10)]
    registry.releases |= {name: release(name) for name in names}
    client = connect(prompts=["summarize"])
    registry.wait_for_streams()
    for name in names:
        client.get(name)
    registry.wait(lambda: set(names) <= registry.asked[-1].keys())

    assert len(registry.asked) <= 3
    assert registry.asked[-1] == dict.fromkeys(["summarize", *names], "100.1")


def test_older_releases_are_ignored(connect: Connect, registry: FakeRegistry) -> None:
    """By epoch first, then by seq."""
    client = connect(prompts=["summarize"])
    registry.publish(release(stable="1.3.0", seq=7))
    until(lambda: version(client) == "1.3.0")
    registry.send(event("release", release(stable="0.1.0", seq=6)))
    registry.send(event("release", release(stable="0.2.0", seq=9, epoch=99)))
    registry.publish(release(stable="1.4.0", seq=8))
    until(lambda: version(client) != "1.3.0")

    assert version(client) == "1.4.0"


def test_a_release_that_cannot_be_read_is_reported(connect: Connect, registry: FakeRegistry) -> None:
    """The last good one stays, and does not count as confirmed; the next good one heals it."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.send(event("release", release(seq=2) | {"versions": {}}))
    until(lambda: client.status()["prompts"]["summarize"]["error"] is not None)
    confirmed = client._held["summarize"].freshness.at
    registry.beat()
    registry.publish(release("other"))
    assert (version(client), client._held["summarize"].freshness.at) == ("1.2.0", confirmed)
    registry.publish(release(stable="1.3.0", seq=3))

    until(lambda: version(client) == "1.3.0")
    assert client.status()["prompts"]["summarize"]["error"] is None


@pytest.mark.parametrize(
    "garbage",
    [b"event: release\ndata: {\n\n", b"event: heartbeat\ndata: {}\n\n", b"data: [1]\n\n", b"\xff\xfe\r\r"],
)
def test_garbage_on_the_stream_harms_nothing(
    connect: Connect, registry: FakeRegistry, quick: None, garbage: bytes
) -> None:
    """If nobody can tell whose it was, the stream is opened again with what is held."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.send(garbage)
    registry.publish(release(stable="1.3.0", seq=2))

    until(lambda: version(client) == "1.3.0")


def test_events_of_another_kind_and_name_are_ignored(connect: Connect, registry: FakeRegistry) -> None:
    """A newer registry may send more than this client knows."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.send(event("news", {"a": 1}))
    registry.send(event("release", release("not-asked-for", seq=2)))
    registry.publish(release(stable="1.3.0", seq=2))
    until(lambda: version(client) == "1.3.0")

    assert list(client.status()["prompts"]) == ["summarize"]


def test_a_new_epoch_is_followed(connect: Connect, registry: FakeRegistry, quick: None) -> None:
    """A registry that came back with a new journal has a later epoch, and may have a lower seq."""
    registry.releases["summarize"] = release(seq=41)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.stop()
    again = FakeRegistry(registry.port)
    again.releases["summarize"] = release(stable="1.3.0", seq=1, epoch=200)

    until(lambda: version(client) == "1.3.0")
    assert again.asked[0] == {"summarize": "100.41"}
    client.close()
    again.stop()


def test_a_registry_that_is_behind_confirms_nothing(
    connect: Connect, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A head before what is held says nothing about it."""
    registry.releases["summarize"] = release(stable="1.3.0", seq=9)
    connect(snapshot_dir=tmp_path).get("summarize")
    until(lambda: any(tmp_path.rglob("summarize.json")))
    registry.releases["summarize"] = release(stable="1.2.0", seq=3)
    client = connect(snapshot_dir=tmp_path, prompts=["summarize"])
    until(lambda: client.status()["stream"]["head"] == "100.3")

    prompt = client.get("summarize")
    assert (prompt.version, prompt.source) == ("1.3.0", "snapshot")


def test_an_ended_stream_is_opened_again(connect: Connect, registry: FakeRegistry, quick: None) -> None:
    """In good order or broken off."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.drop_streams()
    registry.wait_for_streams(2)

    assert version(client) == "1.2.0"


def test_silence_means_reconnect(connect: Connect, registry: FakeRegistry, quick: None) -> None:
    """Comments are no sign of life."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.send(b": still here\n\n")
    registry.wait_for_streams(2)

    assert "silence" in str(client.status()["last_error"])


@pytest.mark.parametrize("mode", [NO_STREAM, SILENT_STREAM])
def test_without_a_stream_it_polls(connect: Connect, registry: FakeRegistry, quick: None, mode: str) -> None:
    """Conditionally; and streaming is tried again later."""
    registry.mode = mode
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.wait(lambda: 304 in registry.statuses)
    registry.releases["summarize"] = release(stable="1.3.0", seq=2)
    until(lambda: version(client) == "1.3.0")
    registry.mode = "normal"

    until(lambda: client.status()["stream"]["state"] == "connected")


def test_polling_does_not_hurry(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is refused and the poll instead are two attempts; they are spaced as any others."""
    monkeypatch.setattr("promptstage.limits.ATTEMPT_SPACING", 0.2)
    registry.mode = NO_STREAM
    connect(prompts=["summarize"])
    registry.wait(lambda: registry.count("GET") == 1)

    assert registry.times[1] - registry.times[0] >= 0.15  # less what the first was late


def test_a_poll_comes_right_before_the_stream_is_tried_again(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or what is held could be as old as a poll's pause and a silent stream's time together."""
    monkeypatch.setattr("promptstage.limits.POLL_EVERY", 0.4)
    registry.mode = NO_STREAM
    connect(prompts=["summarize"])
    registry.wait(lambda: registry.count("POST") == 2)
    gets = [time for time, what in zip(registry.times, registry.requests, strict=True) if "GET" in what]
    again = registry.times[-1]

    assert again - gets[-1] < 0.3


def test_a_poll_comes_before_a_stream_that_fell_silent_is_opened_again(
    connect: Connect, registry: FakeRegistry, quick: None
) -> None:
    """A proxy that buffers may pass a burst, hold back what follows, and next time the headers too."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.releases["summarize"] = release(stable="1.3.0", seq=2)
    registry.wait(lambda: registry.count("POST") == 2)

    assert [what[:4] for what in registry.requests] == ["POST", "GET ", "POST"]


def test_a_stream_that_fails_once_is_tried_again_at_once(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that hung for a moment is no proxy that buffers; what fails twice may well be one."""
    monkeypatch.setattr("promptstage.limits.STREAM_RETRY", 60.0)
    registry.mode = NO_STREAM
    connect(prompts=["summarize"])
    registry.wait(lambda: registry.count("GET") == 4)

    assert [what[:4] for what in registry.requests[:6]] == ["POST", "GET ", "POST", "GET ", "GET ", "GET "]


def test_a_registry_that_was_away_has_refused_no_stream(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing at all could be had, a stream is tried again at once after its first failure."""
    monkeypatch.setattr("promptstage.limits.STREAM_RETRY", 60.0)
    registry.mode = 501
    connect(prompts=["summarize"])
    registry.wait(lambda: registry.count("GET") >= 2)
    registry.mode = NO_STREAM
    registry.wait(lambda: 304 in registry.statuses)

    assert "POST" in registry.requests[registry.statuses.index(304) - 1]


def test_polling_tells_of_a_first_promote(connect: Connect, registry: FakeRegistry, quick: None) -> None:
    """A name that was missing is polled too."""
    registry.mode = NO_STREAM
    client = connect()
    assert version(client, "later") == "fallback"
    registry.releases["later"] = release("later")

    until(lambda: version(client, "later") == "1.2.0")


def test_a_thread_that_is_told_to_end_goes_on(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even while it takes note of that: nobody would ever notice that it is gone."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    (thread,) = threads()
    client._source._follower._stream._read_some = sys.exit  # type: ignore[attr-defined]
    with monkeypatch.context() as noting:
        noting.setattr("promptstage._replica.follower._logger.warning", lambda *_: sys.exit())
        registry.beat()
        registry.wait_for_streams(2)
    registry.publish(release(stable="1.3.0", seq=2))

    until(lambda: version(client) == "1.3.0")
    assert threads() == [thread]


def test_a_token_callable_that_exits_ends_no_thread(
    connect: Connect, registry: FakeRegistry, quick: None
) -> None:
    """It is told apart from no other failure of the application's own code."""
    asked: list[None] = []

    def token() -> str:
        asked.append(None)
        return "good" if len(asked) > 1 else sys.exit()

    client = connect(token=token, prompts=["summarize"])
    (thread,) = threads()
    assert client.ready(10)
    assert threads() == [thread]


def test_attempts_are_spaced(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short the back-off, connections are never tried more often."""
    monkeypatch.setattr("promptstage.limits.ATTEMPT_SPACING", 0.1)
    monkeypatch.setattr("promptstage.limits.BACK_OFF_BASE", 0.0)
    registry.mode = 401
    connect(prompts=["summarize"])
    registry.wait(lambda: len(registry.times) >= 5)

    assert registry.times[4] - registry.times[0] >= 0.3  # 4 times 0.1, less what the first was late


def test_retry_after_is_honoured(connect: Connect, registry: FakeRegistry, quick: None) -> None:
    """Up to a bound; first fetches wait for it too."""
    waits: list[float | None] = []
    registry.mode, registry.headers = 503, {"Retry-After": "86400"}
    client = connect()

    class Wake(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return super().wait(timeout)

    client._source._follower._wake = Wake()  # type: ignore[attr-defined]
    assert version(client) == "fallback"
    until(lambda: bool(waits))

    (wait,) = waits
    assert 60.0 <= (wait or 0.0) <= 60.1  # a fleet that was asked at once is spread
    assert client._source._health._closes_at > time.monotonic() + 50  # type: ignore[attr-defined]


def test_a_hundred_thousand_gets_without_a_registry(connect: Connect, registry: FakeRegistry) -> None:
    """Not one fails, and all get what was there."""
    registry.releases["summarize"] = release(candidate="1.3.0", percent=50)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    before = [client.get("summarize", key=key).version for key in range(1000)]
    registry.stop()

    for _ in range(100):
        assert before == [client.get("summarize", key=key).version for key in range(1000)]
    assert client.get("summarize").source == "live"


def test_a_restart_in_front_of_a_black_hole(connect: Connect, registry: FakeRegistry, tmp_path: Path) -> None:
    """The snapshot answers although the registry has not answered anything."""
    registry.versions["summarize", "1.0.0"] = version_of("summarize", "1.0.0")
    with Client(registry.url, snapshot_dir=tmp_path) as before:
        before.get("summarize")
        before.get("summarize", version="1.0.0")
        before.get("summarize", version="1.2.0")
    registry.mode, registry.statuses = BLACK_HOLE, []
    client = connect(snapshot_dir=tmp_path, timeout=60)

    prompt = client.get("summarize")
    assert (prompt.version, prompt.source) == ("1.2.0", "snapshot")
    assert [client.get("summarize", version=v).source for v in ("1.0.0", "1.2.0")] == ["snapshot", "snapshot"]
    assert not client.ready(0)
    assert registry.statuses == []


def test_a_snapshot_becomes_live_when_confirmed(
    connect: Connect, registry: FakeRegistry, tmp_path: Path
) -> None:
    """Without being sent again: the registry has nothing newer."""
    with Client(registry.url, snapshot_dir=tmp_path) as before:
        before.get("summarize")
    client = connect(snapshot_dir=tmp_path, prompts=["summarize"])
    assert client.ready(10)

    assert client.get("summarize").source == "live"
    assert registry.asked[-1] == {"summarize": "100.1"}


@pytest.mark.parametrize("mode", ["normal", BLACK_HOLE])
def test_close_ends_the_threads(registry: FakeRegistry, mode: str) -> None:
    """Whatever they wait for."""
    registry.mode = mode
    client = Client(registry.url, prompts=["summarize"], timeout=60)
    registry.wait(lambda: registry.count("POST") == 1)
    client.close()

    assert threads() == []
    assert client.status()["stream"]["state"] == "closed"
    client.close()


def test_closing_while_a_fetch_begins(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of an interpreter, whose threads go on meanwhile; a thread about to start is none."""
    registry.mode = SILENT_STREAM  # which would otherwise be faster
    client = connect()
    errors: list[BaseException | None] = []

    class Closing(threading.Thread):
        def start(self) -> None:
            with ThreadPoolExecutor() as pool:
                errors.append(pool.submit(client.close).exception())
            super().start()

    monkeypatch.setattr("promptstage._replica.fetcher.Thread", Closing)

    assert version(client) == "fallback"
    assert errors == [None]


def test_a_dropped_client_ends_its_thread(registry: FakeRegistry) -> None:
    """Forgetting to close leaves nothing behind."""
    client = Client(registry.url, prompts=["summarize"])
    assert client.ready(10)
    del client
    gc.collect()

    until(lambda: not threads())


def test_a_client_without_names_starts_nothing(connect: Connect, registry: FakeRegistry) -> None:
    """No thread, no request, before the first name."""
    connect()

    assert threads() == []
    assert registry.requests == []
