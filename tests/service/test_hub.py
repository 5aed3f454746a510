"""A stream that ends: what was offered before the end is sent, what comes after it is not."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from support import PATIENCE

from promptstage.model import Release
from registry.access.capabilities import Capability
from registry.access.tokens import Keyring, TokenSpec, mint
from registry.api.http.bounds import Bounds
from registry.api.stream import READ_AT_ONCE, EventStream
from registry.replication.read_model import EncodedRelease, ReadModel
from registry.rollouts.position import Position
from registry.streams.hub import Hub, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RELEASE = Release("production", "summarize", 1, 1, (), None, "1.0.0", "stable", {})


def built(seq: int) -> EncodedRelease:
    """The release of a change."""
    return EncodedRelease(replace(RELEASE, seq=seq), Position(1, seq), b"release %d" % seq, "")


class Connection:
    """A client's end, as a server tells of it.

    Attributes:
        written: all that was sent, until the stream's end.
        waits: what the next `send` waits for, as it does for a client that takes nothing.
    """

    def __init__(
        self, act: Callable[[Connection, bytes], object], read_model: ReadModel, names: Iterable[str]
    ) -> None:
        """Call `act` with each piece as it is written."""
        token, _ = mint(TokenSpec(name="checkout", capabilities=(Capability.reader,)))
        self.hub = Hub(read_model, Keyring([token]))
        self.subscription = Subscription(token, "production", dict.fromkeys(names, Position(-1, -1)))
        self.written = b""
        self.waits: asyncio.Event | None = None
        self._act = act
        self._over = asyncio.Event()

    async def run(self) -> bytes:
        """Follow until the stream or its client ends; everything that was sent."""
        await EventStream(self.hub, Bounds(), self.subscription)({"type": "http"}, self._receive, self._send)
        assert self.hub.count == 0
        return self.written

    def offer(self, seq: int) -> None:
        """Publish a release."""
        self.hub._deliver(built(seq))

    def hang_up(self) -> None:
        """Be gone."""
        self._over.set()
        if self.waits:
            self.waits.set()

    async def _receive(self) -> Any:
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if self.waits:
            await self.waits.wait()
        self.written += message.get("body", b"")
        if message.get("more_body") is False:
            self._over.set()
        self._act(self, message.get("body", b""))


def follow(
    act: Callable[[Connection, bytes], object],
    read_model: ReadModel | None = None,
    names: Iterable[str] = ("summarize",),
) -> bytes:
    """What a stream sends until it ends; `act` is called as each piece of it is written."""

    async def connect() -> tuple[bytes, Connection]:
        connection = Connection(act, read_model or ReadModel(cast("Any", None)), names)
        return await asyncio.wait_for(connection.run(), PATIENCE), connection

    written, connection = asyncio.run(connect())
    assert not connection.hub.stream_counts.held
    return written


def test_what_was_offered_before_the_end_is_sent() -> None:
    """A rollback that is followed by a restart reaches everybody who was slow, too."""

    def act(connection: Connection, body: bytes) -> None:
        if b"heartbeat" in body:
            connection.offer(1)
        elif b"release 1" in body:
            connection.offer(2)
            connection.hub.close()

    assert b"release 2" in follow(act)


def test_nothing_is_offered_after_the_end() -> None:
    """A token that was revoked gets no news, however long its client takes to read the old ones."""

    def act(connection: Connection, body: bytes) -> None:
        if b"heartbeat" in body:
            connection.offer(1)
            connection.hub.close()
            connection.offer(2)

    written = follow(act)
    assert b"release 1" in written
    assert b"release 2" not in written


def test_what_is_older_than_what_a_client_has_is_not_sent() -> None:
    """Two changes may be told in the wrong order."""

    def act(connection: Connection, body: bytes) -> None:
        if b"heartbeat" in body:
            connection.offer(3)
        elif b"release 3" in body:
            connection.offer(2)
            connection.offer(4)
            connection.hub.close()

    assert [int(seq) for seq in re.findall(rb"release (\d)", follow(act))] == [3, 4]


def test_of_what_changes_while_a_client_reads_only_the_newest_is_sent() -> None:
    """It waits in place of those before it; the stream goes on when the client takes what it has."""

    def act(connection: Connection, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        if b"heartbeat" in body:
            loop.call_soon(connection.offer, 1)
        elif b"release 1" in body:
            connection.waits = asyncio.Event()
            for seq in (2, 3, 4):
                loop.call_soon(connection.offer, seq)
            loop.call_soon(connection.waits.set)
        elif b"release 4" in body:
            connection.hub.close()

    assert [int(seq) for seq in re.findall(rb"release (\d)", follow(act))] == [1, 4]


def test_a_client_that_goes_while_it_is_written_to_is_counted_out() -> None:
    """What it was sent last is counted for nobody: see `follow`, which looks for what is left."""

    def act(connection: Connection, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        if b"heartbeat" in body:
            connection.waits = asyncio.Event()
            loop.call_soon(connection.offer, 1)
            loop.call_soon(connection.hang_up)

    assert b"heartbeat" in follow(act)


def test_an_event_that_cannot_be_sent_disturbs_nobody_else() -> None:
    """It is told to whoever looks after the loop, and the next client gets its own."""
    told: list[Any] = []

    def act(connection: Connection, body: bytes) -> None:
        if b"heartbeat" in body:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
            asyncio.get_running_loop().call_soon(connection.hang_up)
            connection.offer(1)
        elif b"release" in body:
            raise RuntimeError("no")

    follow(act)
    assert [str(context["exception"]) for context in told] == ["no"]


def test_a_client_of_many_prompts_gets_the_first_before_the_last_is_read() -> None:
    """Or it would hear nothing for so long that it takes the stream for one that a proxy holds back."""
    names = [f"prompt-{number}" for number in range(3 * READ_AT_ONCE)]
    read: list[str] = []
    sent: list[int] = []  # how many were read when a release was sent

    def act(connection: Connection, body: bytes) -> None:
        if body.startswith(b"event: release"):
            sent.append(len(read))
        elif b"heartbeat" in body:
            connection.hub.close()

    class Reads(ReadModel):
        def release(self, environment: str, prompt: str) -> EncodedRelease:
            read.append(prompt)
            return EncodedRelease(replace(RELEASE, prompt=prompt), Position(1, 1), b"", "")

    follow(act, Reads(cast("Any", None)), names)
    assert (len(sent), sent[0], sent[-1]) == (len(names), READ_AT_ONCE, len(names))
