"""What else a stream may do: the kinds of faults that contract tests of event streams and of SDKs try."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from client.fake_registry import (
    BLACK_HOLE,
    GARBAGE,
    NO_STREAM,
    SILENT_STREAM,
    FakeRegistry,
    event,
    release,
    until,
)

if TYPE_CHECKING:
    from client.conftest import Connect

NEXT = release(stable="1.3.0", seq=2)
DATA = json.dumps(NEXT).encode()

HARMLESS = {
    "a comment": b": hello\n\n",
    "an empty comment": b":\n\n",
    "an event without a kind": b"data: hello\n\n",
    "an unknown kind": b"event: goodbye\ndata: {not json\n\n",
    "an unknown kind without data": b"event: goodbye\n\n",
    "no data, no colon": b"data\n\ndata\ndata\n\n",
    "fields that nobody knows": b"color: blue\nid: a\0bc\nid:\nretry: 86400000\nretry: soon\n\n",
    "empty lines": b"\n\n\r\n\r\r",
    "a release of another prompt": event("release", release("other", "6.6.6", seq=9)),
    "a release without a name": event("release", {}),
    "an older release": event("release", release(stable="1.1.0", seq=0)),
    "the same release": event("release", release()),
    "a release without documents": event("release", {**NEXT, "versions": {}}),
    "a release of null": event("release", dict.fromkeys(NEXT) | {"prompt": "summarize"}),
    "a release of another environment": event("release", {**NEXT, "environment": "staging"}),
}
WRITTEN = {
    "line feeds": b"event: release\ndata: %s\n\n" % DATA,
    "carriage returns": b"event: release\rdata: %s\r\r:\n" % DATA,
    "both": b"event: release\r\ndata: %s\r\n\r\n" % DATA,
    "no space": b"event:release\ndata:%s\n\n" % DATA,
    "the data first": b"data: %s\nid: abc\nevent: release\n\n" % DATA,
    "many lines": b"event: release\n%s\n"
    % b"".join(b"data: %s\n" % line.encode() for line in json.dumps(NEXT, indent=1).splitlines()),
    "two in one": event("heartbeat", {"epoch": 100, "seq": 1}) + event("release", NEXT),
}
UNREADABLE = {
    "no JSON": b"event: release\ndata: {not json\n\n",
    "no UTF-8": b"event: release\ndata: \xff\xfe\n\n",
    "a list": b"event: release\ndata: []\n\n",
    "a heartbeat of words": b'event: heartbeat\ndata: {"epoch": "soon"}\n\n',
    "an empty chunk, which is the end": b"",
}


@pytest.mark.parametrize("sent", HARMLESS.values(), ids=HARMLESS)
def test_what_is_of_no_use_neither_ends_the_stream_nor_changes_anything(
    connect: Connect, registry: FakeRegistry, sent: bytes
) -> None:
    """The next release comes over the same stream."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.send(sent)
    registry.beat()
    assert client.get("summarize").version == "1.2.0"
    registry.publish(NEXT)
    until(lambda: client.get("summarize").version == "1.3.0")

    assert len(registry.asked) == 1


@pytest.mark.parametrize("pieces", [0, 1, 7])
@pytest.mark.parametrize("sent", WRITTEN.values(), ids=WRITTEN)
def test_a_release_arrives_however_it_is_written(
    connect: Connect, registry: FakeRegistry, sent: bytes, pieces: int
) -> None:
    """With any line ends, in any order, and cut anywhere."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    for start in range(0, len(sent), pieces or len(sent)):
        registry.send(sent[start : start + (pieces or len(sent))])

    until(lambda: client.get("summarize").version == "1.3.0")
    assert len(registry.asked) == 1


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE)
def test_after_what_cannot_be_read_it_asks_again(
    connect: Connect, registry: FakeRegistry, quick: None, sent: bytes
) -> None:
    """With the position that it holds."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.send(sent)
    registry.wait_for_streams(2)
    registry.publish(NEXT)

    until(lambda: client.get("summarize").version == "1.3.0")
    assert registry.asked[1] == {"summarize": "100.1"}


STATUSES = [400, 401, 403, 404, 405, 408, 413, 429, 500, 501, 503, 302]


@pytest.fixture
def hasty(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter still: no answer is waited for long."""
    monkeypatch.setattr("promptstage.limits.ANSWER_TIMEOUT", 0.2)


@pytest.mark.parametrize("mode", [*STATUSES, BLACK_HOLE, GARBAGE, NO_STREAM, SILENT_STREAM])
@pytest.mark.parametrize("held", [False, True])
def test_after_any_fault_it_comes_back_by_itself(
    connect: Connect, registry: FakeRegistry, hasty: None, mode: str | int, *, held: bool
) -> None:
    """At the first connection or at a later one; nothing is given up for good, as tokens are mended too."""
    registry.mode = "normal" if held else mode
    client = connect(prompts=["summarize"], timeout=0.2)
    assert not held or client.ready(10)
    asked = len(registry.requests)
    registry.mode = mode
    registry.drop_streams()
    until(lambda: len(registry.requests) > asked + 2)
    assert not held or client.get("summarize").version == "1.2.0"
    registry.mode = "normal"
    registry.publish(NEXT)

    until(lambda: client.get("summarize", fallback="none").version == "1.3.0")
