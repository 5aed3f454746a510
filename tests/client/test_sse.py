"""Server-sent events in whatever pieces they come."""

from __future__ import annotations

from itertools import chain

import pytest

from promptstage._http.sse import EventParser

STREAM = (
    b"\xef\xbb\xbf: a comment\n\n"
    b"event: release\ndata: {\ndata: }\n\n"
    b"id: 7\nretry: 5\ndata\r\n\r\n"
    b"event:heartbeat\rdata:one\r\r"
    b"data:  two: spaces\n\nevent: dropped\n\n"
)
EVENTS = [("release", b"{\n}"), ("message", b""), ("heartbeat", b"one"), ("message", b" two: spaces")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000])
def test_any_cut_gives_the_same_events(size: int) -> None:
    """Lines end in any of the three ways, also when cut in the middle of one."""
    parser = EventParser()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]

    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


def test_an_event_is_there_with_its_blank_line() -> None:
    """Not one byte later: a carriage return ends the line, a line feed after it or not."""
    parser = EventParser()
    assert list(parser.feed(b"data: x\r\n")) == []

    assert list(parser.feed(b"\r")) == [("message", b"x")]
    assert list(parser.feed(b"\ndata: y\n\n")) == [("message", b"y")]


@pytest.mark.parametrize("piece", [b"data: 123456789", b"data: 1\n"])
def test_an_event_is_bounded(piece: bytes) -> None:
    """A line without an end, and an event of endless lines."""
    parser = EventParser(limit=50)
    with pytest.raises(ValueError, match="more than 50 bytes"):
        list(chain.from_iterable(parser.feed(piece) for _ in range(100)))
