"""The subscriptions of this process, and the releases that each has not been sent yet.

If a release changes while a slow client reads, only the newest waits, so a client's memory grows with its
names only. All events are sent from here: a stream has no task of its own but that of its request, which
waits for the client to disconnect.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from registry.errors import Unavailable
from registry.journal.position import is_newer
from registry.streams import eager_task
from registry.streams.counts import NOTHING, StreamCounts
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Message, Send

    from registry.access.tokens import Keyring, Token
    from registry.replication.read_model import EncodedRelease, ReadModel
    from registry.rollouts.position import Position

HEARTBEAT_SECONDS = 5.0  # clients give up after 12 s of silence, so two may be lost
AT_ONCE = 100  # streams written to before requests get their turn: a few milliseconds
# Unknown names that all streams of a token may wait for, some 100 bytes each: those of ten of the largest.
MAX_AWAITED = 100_000
RELEASES = 16  # cached events, not encoded again for each stream
# A server waits before a write, not after one, until the client has read enough of earlier ones. So when this
# returns, all but the last 64 KiB of the event before was sent.
TAKEN = {"type": "http.response.body", "body": b"", "more_body": True}
END = {"type": "http.response.body", "body": b"", "more_body": False}


class Subscription:
    """One client's stream: its names, each with the client's position, and the unsent releases.

    Attributes:
        edition: the newest edition of documents that the client reads.
        keep_alive: what it is sent in place of heartbeats.
        held: the positions by name, of names known here.
        awaited: names unknown here; they are not counted before they have a release.
    """

    keep_alive: ClassVar[Message | None] = None
    __slots__ = (
        "awaited", "beat", "closed", "edition", "environment", "held", "pending", "send", "token", "writing",
    )  # fmt: skip

    def __init__(
        self,
        token: Token,
        environment: str,
        held: dict[str, Position],
        awaited: Iterable[str] = (),
        edition: int = 1,
    ) -> None:
        self.token = token
        self.edition = edition
        self.environment = environment
        self.held = held
        self.awaited = set(awaited)
        self.pending: dict[str, EncodedRelease] = {}
        self.beat: Message | None = None
        self.closed = False
        self.send: Send | None = None  # before the start and after the end
        self.writing = False

    def offer(self, built: EncodedRelease) -> bool:
        """Queue a release to send, in place of an older one; return whether it was queued.

        It is not if it is older than the client's, or the stream is ending.
        """
        prompt, position = built.release.prompt, built.position
        waiting = self.pending.get(prompt)
        newest = waiting.position if waiting else self.held.get(prompt, NOTHING)
        if self.closed or not is_newer(position, newest):
            return False
        self.pending[prompt] = built
        return True

    def event(self, built: EncodedRelease) -> Message:
        """Build the ASGI message that tells this client of a release."""
        return _release(built.for_edition(self.edition))

    def farewell(self) -> Message:
        """Build the ASGI message that ends the stream from this side."""
        return END

    def wants(self, environment: str, prompt: str) -> bool:
        """Return whether it follows a prompt in an environment."""
        return environment == self.environment and (prompt in self.held or prompt in self.awaited)


class Hub:
    """All streams of this process; used on the event loop, except `publish` and `recheck`."""

    def __init__(self, read_model: ReadModel, keyring: Keyring) -> None:
        self.read_model = read_model
        self._keyring = keyring
        self.stream_counts = StreamCounts()
        self.changed = asyncio.Event()  # set when the counts change
        self._open: set[Subscription] = set()
        self._awaited: Counter[str] = Counter()  # awaited names of a token's streams, by its id
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Return whether the process stops."""
        return self._closed

    @property
    def count(self) -> int:
        """Return the number of open streams."""
        return len(self._open)

    async def run(self) -> None:
        """Send heartbeats to all, until cancelled."""
        self._loop = asyncio.get_running_loop()
        self.read_model.listeners.append(self.publish)
        self._keyring.listeners.append(self.recheck)
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self._expel()  # streams with an expired token
            beat = heartbeat(self.read_model.head)
            await asyncio.sleep(0)  # releases published up to that head are offered first
            subscriptions = list(self._open)
            for subscription in subscriptions:
                subscription.beat = subscription.keep_alive or beat
            await self._write_each(subscriptions)

    def publish(self, built: EncodedRelease) -> None:
        """Publish a new release, from any thread."""
        if self._loop is not None and not self._closed:
            self._loop.call_soon_threadsafe(self._deliver, built)

    def recheck(self) -> None:
        """End the streams of tokens that are no longer valid, from any thread."""
        if self._loop is not None and not self._closed:
            self._loop.call_soon_threadsafe(self._expel)

    def _expel(self) -> None:
        now = timestamps.now()
        tokens = {id(subscription.token): subscription.token for subscription in self._open}  # few, of many
        gone = {key for key, token in tokens.items() if not self._keyring.admits(token, now)}
        for subscription in [s for s in self._open if id(s.token) in gone]:
            self.end(subscription)

    def _deliver(self, built: EncodedRelease) -> None:
        prompt, environment = built.release.prompt, built.release.environment
        followers = [s for s in self._open if s.wants(environment, prompt)]
        # Before it is sent to any: a heartbeat in between must not confirm a later release.
        eager_task.start(self._write_each([s for s in followers if s.offer(built)]))

    async def _write_each(self, subscriptions: list[Subscription]) -> None:
        for number, subscription in enumerate(subscriptions, 1):
            self.write(subscription)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def check_room(self, token: Token, awaited: int) -> None:
        """Check that a token may await so many more names. Raises Unavailable (`busy`)."""
        if awaited and self._awaited[token.id] + awaited > MAX_AWAITED:
            raise Unavailable(
                f"the streams of this token wait for {self._awaited[token.id]} names that are unknown here, "
                f"of at most {MAX_AWAITED}; follow names that exist",
                code="busy",
            )

    def add(self, subscription: Subscription) -> None:
        """Add a stream; it is sent events once it has a `send`."""
        self._open.add(subscription)
        self._awaited[subscription.token.id] += len(subscription.awaited)
        self.stream_counts.open(subscription.environment, subscription.held, subscription.edition)
        self.changed.set()
        if self._closed or not self._keyring.admits(subscription.token, timestamps.now()):
            self.end(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Remove a stream."""
        subscription.send = None
        self._open.discard(subscription)
        self._awaited[subscription.token.id] -= len(subscription.awaited)
        self.stream_counts.close(subscription.environment, subscription.held, subscription.edition)
        self.changed.set()

    def end(self, subscription: Subscription) -> None:
        """End a stream after its queued releases."""
        subscription.closed = True
        self.write(subscription)

    def close(self) -> None:
        """End all streams, and every later one: the process stops."""
        self._closed = True
        for subscription in list(self._open):
            self.end(subscription)

    # Sending

    def write(self, subscription: Subscription) -> None:
        """Send queued releases, at once if the client reads, else as it reads."""
        if subscription.send is not None and not subscription.writing:
            subscription.writing = True
            eager_task.start(self._write(subscription, subscription.send))

    async def _write(self, subscription: Subscription, send: Send) -> None:
        while subscription.pending or subscription.beat:
            if subscription.pending:
                pending, subscription.pending = subscription.pending, {}
                for built in pending.values():
                    await self.send(subscription, built, send)
            beat, subscription.beat = subscription.beat, None
            if beat:
                await send(beat)
        subscription.writing = False
        if subscription.closed and subscription.send is not None:
            subscription.send = None
            await send(subscription.farewell())

    async def send(self, subscription: Subscription, built: EncodedRelease, send: Send) -> None:
        """Send a release, and count it as written to the client's connection."""
        await send(subscription.event(built))
        await send(TAKEN)
        prompt, after = built.release.prompt, built.position
        if prompt in subscription.awaited and subscription in self._open:
            subscription.awaited.discard(prompt)
            self._awaited[subscription.token.id] -= 1
            subscription.held[prompt] = NOTHING
            self.stream_counts.open_one(subscription.environment, prompt, subscription.edition)
        before = subscription.held.get(prompt, after)
        if is_newer(after, before) and subscription in self._open:  # else it was removed meanwhile
            self.stream_counts.move(subscription.environment, prompt, before, after)
            subscription.held[prompt] = after
            self.changed.set()


def heartbeat(head: Position) -> Message:
    """Build the ASGI message that confirms everything up to a head."""
    return _message("heartbeat", json.dumps({"epoch": head[0], "seq": head[1]}).encode())


@lru_cache(RELEASES)
def _release(built: EncodedRelease) -> Message:
    return _message("release", built.body)


def _message(kind: str, data: bytes) -> Message:
    event = b"event: %s\ndata: %s\n\n" % (kind.encode(), data)
    return {"type": "http.response.body", "body": event, "more_body": True}
