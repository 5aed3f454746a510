"""The streams of this process, and what each of them has not been sent yet.

Of a release that changes while a slow client reads, only the newest waits for it, so a client costs as
much memory as it has names, and no more. What is sent is sent from here: a stream has no task of its own but
that of its request, which waits for the client to go.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

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

HEARTBEAT_SECONDS = 5.0  # clients give up after 12 s of silence: two may be lost
AT_ONCE = 100  # streams that are written to before requests have their turn: a few milliseconds
# Unknown names that all streams of a token may wait for, some 100 bytes each: those of ten of the largest.
MAX_AWAITED = 100_000
RELEASES = 16  # events that are not written again for each stream
# A server waits before a write, not after one, until the client has taken enough of what was written. So
# when this is through, all but the last 64 KiB of the event before is on its way.
TAKEN = {"type": "http.response.body", "body": b"", "more_body": True}
END = {"type": "http.response.body", "body": b"", "more_body": False}


class Subscription:
    """One client: the names it wants, each with the position it has, and what it has not been sent yet.

    Attributes:
        held: the positions by name, of names that are known here.
        awaited: names that nobody here has heard of; they are counted nowhere before they have a release.
    """

    __slots__ = ("awaited", "beat", "closed", "environment", "held", "pending", "send", "token", "writing")

    def __init__(
        self,
        token: Token,
        environment: str,
        held: dict[str, Position],
        awaited: Iterable[str] = (),
    ) -> None:
        self.token = token
        self.environment = environment
        self.held = held
        self.awaited = set(awaited)
        self.pending: dict[str, EncodedRelease] = {}
        self.beat: Message | None = None
        self.closed = False
        self.send: Send | None = None  # none yet, or no more
        self.writing = False

    def offer(self, built: EncodedRelease) -> bool:
        """Let a release wait to be sent, in the place of an older one; whether it does.

        It does not if it is older than what the client has, or too late for a stream that ends.
        """
        prompt, position = built.release.prompt, built.position
        waiting = self.pending.get(prompt)
        newest = waiting.position if waiting else self.held.get(prompt, NOTHING)
        if self.closed or not is_newer(position, newest):
            return False
        self.pending[prompt] = built
        return True

    def wants(self, environment: str, prompt: str) -> bool:
        """Whether it follows a prompt there."""
        return environment == self.environment and (prompt in self.held or prompt in self.awaited)


class Hub:
    """Everybody who listens on this process; used on the event loop, but for `publish` and `recheck`."""

    def __init__(self, read_model: ReadModel, keyring: Keyring) -> None:
        self.read_model = read_model
        self._keyring = keyring
        self.stream_counts = StreamCounts()
        self.changed = asyncio.Event()  # the tally did
        self._open: set[Subscription] = set()
        self._awaited: Counter[str] = Counter()  # names that streams of a token wait for, by its id
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._open)

    async def run(self) -> None:
        """Beat for all, until cancelled."""
        self._loop = asyncio.get_running_loop()
        self.read_model.listeners.append(self.publish)
        self._keyring.listeners.append(self.recheck)
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self._expel()  # whose token has expired
            beat = heartbeat(self.read_model.head)
            await asyncio.sleep(0)  # what was published up to that head is offered first
            everybody = list(self._open)
            for subscription in everybody:
                subscription.beat = beat
            await self._write_each(everybody)

    def publish(self, built: EncodedRelease) -> None:
        """Tell of a new release, from any thread."""
        if self._loop is not None and not self._closed:
            self._loop.call_soon_threadsafe(self._deliver, built)

    def recheck(self) -> None:
        """End the streams of tokens that are not good any more, from any thread."""
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
        # Before it is sent to any: a heartbeat that comes between must not confirm what comes after it.
        eager_task.start(self._write_each([s for s in followers if s.offer(built)]))

    async def _write_each(self, subscriptions: list[Subscription]) -> None:
        for number, subscription in enumerate(subscriptions, 1):
            self.write(subscription)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def check_room(self, token: Token, awaited: int) -> None:
        """Let a token wait for so many names more. Raises Unavailable (`busy`)."""
        if awaited and self._awaited[token.id] + awaited > MAX_AWAITED:
            raise Unavailable(
                f"the streams of this token wait for {self._awaited[token.id]} names that are unknown here, "
                f"and may for {MAX_AWAITED}; follow names that exist",
                code="busy",
            )

    def add(self, subscription: Subscription) -> None:
        """Begin to tell a client, as soon as it has a `send`."""
        self._open.add(subscription)
        self._awaited[subscription.token.id] += len(subscription.awaited)
        self.stream_counts.open(subscription.environment, subscription.held)
        self.changed.set()
        if self._closed or not self._keyring.admits(subscription.token, timestamps.now()):
            self.end(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Stop telling a client."""
        subscription.send = None
        self._open.discard(subscription)
        self._awaited[subscription.token.id] -= len(subscription.awaited)
        self.stream_counts.close(subscription.environment, subscription.held)
        self.changed.set()

    def end(self, subscription: Subscription) -> None:
        """End a stream once what waits has been sent."""
        subscription.closed = True
        self.write(subscription)

    def close(self) -> None:
        """End all streams, and every one that is opened from now on: the process is going."""
        self._closed = True
        for subscription in list(self._open):
            self.end(subscription)

    # Sending

    def write(self, subscription: Subscription) -> None:
        """Send what waits, now if the client takes it, else as it does."""
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
            await send(END)

    async def send(self, subscription: Subscription, built: EncodedRelease, send: Send) -> None:
        """Send a release, and note that it was written to the client's connection."""
        await send(_release(built))
        await send(TAKEN)
        prompt, after = built.release.prompt, built.position
        if prompt in subscription.awaited and subscription in self._open:
            subscription.awaited.discard(prompt)
            self._awaited[subscription.token.id] -= 1
            subscription.held[prompt] = NOTHING
            self.stream_counts.open_one(subscription.environment, prompt)
        before = subscription.held.get(prompt, after)
        if is_newer(after, before) and subscription in self._open:  # else it was counted out meanwhile
            self.stream_counts.move(subscription.environment, prompt, before, after)
            subscription.held[prompt] = after
            self.changed.set()


def heartbeat(head: Position) -> Message:
    """The event that confirms everything up to a head, as ASGI sends it."""
    return _message("heartbeat", json.dumps({"epoch": head[0], "seq": head[1]}).encode())


@lru_cache(RELEASES)
def _release(built: EncodedRelease) -> Message:
    return _message("release", built.body)


def _message(kind: str, data: bytes) -> Message:
    event = b"event: %s\ndata: %s\n\n" % (kind.encode(), data)
    return {"type": "http.response.body", "body": event, "more_body": True}
