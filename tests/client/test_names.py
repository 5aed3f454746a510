"""Which names a client follows, and that their number is bounded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from client.fake_registry import SILENT_STREAM, FakeRegistry, release, until

if TYPE_CHECKING:
    import pytest
    from client.conftest import Connect


def test_names_without_a_release_are_bounded(
    connect: Connect,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The oldest are let go, and that is said; not those that are held, nor the client's own."""
    monkeypatch.setattr("promptstage.limits.UNRELEASED_NAMES", 2)
    registry.mode = SILENT_STREAM
    client = connect(prompts=["first"])
    client.get("summarize")
    for number in range(5):
        client.get(f"guess-{number}", fallback="mine")

    assert list(client.status()["prompts"]) == ["first", "summarize", "guess-3", "guess-4"]
    assert client.status()["counts"]["names_let_go"] == 3
    assert sum("are names made out of user input?" in message for message in caplog.messages) == 1
    assert client.get("guess-0", fallback="mine").version == "fallback"


def test_names_that_were_let_go_leave_nothing_behind(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where many threads ask: an answer about a name that was let go meanwhile is not kept."""
    monkeypatch.setattr("promptstage.limits.UNRELEASED_NAMES", 2)
    registry.mode = SILENT_STREAM
    client = connect()
    registry.delay.clear()
    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            pool.submit(client.get, f"guess-{number}", fallback="mine")
        registry.wait(lambda: registry.count("GET") == 8)
        registry.delay.set()
    client.get("last", fallback="mine")

    holdings = client._source._holdings  # type: ignore[attr-defined]
    assert len(holdings.absent) <= 3
    assert list(holdings.absent)[-1] == "last"


def test_a_name_that_others_overtake_is_let_go_too(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threads ask at once, none of their names stays for ever."""
    monkeypatch.setattr("promptstage.limits.UNRELEASED_NAMES", 1)
    client = connect()
    source: Any = client._source
    subscribe = source.subscribe

    def overtaken(names: list[str]) -> None:
        monkeypatch.setattr(source, "subscribe", subscribe)
        for other in ("second", "third"):
            client.get(other, fallback="mine")
        subscribe(names)

    monkeypatch.setattr(source, "subscribe", overtaken)
    client.get("first", fallback="mine")
    client.get("last", fallback="mine")

    assert list(source._wanted) == list(source._asked_for) == ["last"]


def test_a_name_in_place_of_one_that_was_let_go_is_followed(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although there are as many names as before."""
    monkeypatch.setattr("promptstage.limits.UNRELEASED_NAMES", 1)
    client = connect()
    client.get("a", fallback="mine")
    registry.wait(lambda: any("a" in names for names in registry.asked))
    client.get("b", fallback="mine")
    registry.wait(lambda: any(names.keys() == {"b"} for names in registry.asked))
    registry.publish(release("b", seq=2))

    until(lambda: client.get("b", fallback="mine").version == "1.2.0")


def test_a_name_that_was_let_go_too_early_is_followed_all_the_same(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its release was on the way; what is held never goes stale."""
    monkeypatch.setattr("promptstage.limits.UNRELEASED_NAMES", 1)
    registry.delay.clear()
    client = connect(timeout=0.05)
    monkeypatch.setattr("promptstage.limits.BREAKER_PAUSE", 0.0)
    for name in ("summarize", "other"):
        client.get(name, fallback="mine")
    assert list(client.status()["prompts"]) == ["other"]
    registry.delay.set()

    until(lambda: "summarize" in client.status()["prompts"])
    registry.publish(release(stable="1.3.0", seq=2))
    until(lambda: client.get("summarize").version == "1.3.0")


def test_a_stream_that_has_all_names_is_not_cut(connect: Connect, registry: FakeRegistry) -> None:
    """The timer that opens it again for new names may come late."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    client._source._follower._reopen()  # type: ignore[attr-defined]
    registry.publish(release(stable="1.3.0", seq=2))
    until(lambda: client.get("summarize").version == "1.3.0")

    assert len(registry.asked) == 1
