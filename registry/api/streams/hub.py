"""Who listens on this process, and what each of them has not been sent yet.

Of a release that changes while a slow client reads, only the newest waits for it, so a client costs as
much memory as it has names, and no more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from registry.api.streams.tally import Tally
from registry.rollouts import clock

if TYPE_CHECKING:
    from registry.access.tokens import Keyring, Token
    from registry.api.streams.tally import Position
    from registry.rollouts.view import Built, View

HEARTBEAT_SECONDS = 5.0  # clients give up after 12 s of silence: two may be lost


class Subscription:
    """One client: the names it wants, each with the position it has, and what it has not been sent yet."""

    def __init__(self, token: Token, environment: str, held: dict[str, Position]) -> None:
        self.token = token
        self.environment = environment
        self.held = held
        self.pending: dict[str, Built] = {}
        self.beat: tuple[int, int] | None = None
        self.closed = False
        self.wake = asyncio.Event()

    def offer(self, built: Built) -> None:
        """Let a release wait to be sent, in the place of an older one; too late for a stream that ends."""
        if self.closed:
            return
        held = self.pending.get(built.release.prompt)
        if held is None or held.release.position <= built.release.position:
            self.pending[built.release.prompt] = built
            self.wake.set()

    def close(self) -> None:
        """End the stream once what waits has been sent."""
        self.closed = True
        self.wake.set()


class Hub:
    """Everybody who listens on this process; used on the event loop, but for `publish`."""

    def __init__(self, view: View, keyring: Keyring) -> None:
        self.view = view
        self._keyring = keyring
        self.tally = Tally()
        self.changed = asyncio.Event()  # the tally did
        self._open: set[Subscription] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._open)

    async def run(self) -> None:
        """Beat for all, until cancelled."""
        self._loop = asyncio.get_running_loop()
        self.view.listeners.append(self.publish)
        self._keyring.listeners.append(self.recheck)
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self._expel()  # whose token has expired
            head = self.view.head
            await asyncio.sleep(0)  # what was published up to that head is offered first
            for subscription in self._open:
                subscription.beat = head
                subscription.wake.set()

    def publish(self, built: Built) -> None:
        """Tell of a new release, from any thread."""
        if self._loop is not None and not self._closed:
            self._loop.call_soon_threadsafe(self._deliver, built)

    def recheck(self) -> None:
        """End the streams of tokens that are not good any more, from any thread."""
        if self._loop is not None and not self._closed:
            self._loop.call_soon_threadsafe(self._expel)

    def _expel(self) -> None:
        now = clock.now()
        for subscription in self._open:
            if not self._keyring.admits(subscription.token, now):
                subscription.close()

    def _deliver(self, built: Built) -> None:
        for subscription in self._open:
            if (
                built.release.prompt in subscription.held
                and built.release.environment == subscription.environment
            ):
                subscription.offer(built)

    def add(self, subscription: Subscription) -> None:
        """Begin to tell a client."""
        self._open.add(subscription)
        self.tally.open(subscription.environment, subscription.held)
        self.changed.set()
        if self._closed or not self._keyring.admits(subscription.token, clock.now()):
            subscription.close()

    def remove(self, subscription: Subscription) -> None:
        """Stop telling a client."""
        self._open.discard(subscription)
        self.tally.close(subscription.environment, subscription.held)
        self.changed.set()

    def written(self, subscription: Subscription, built: Built) -> None:
        """Note that a release was written to a client's connection."""
        prompt, after = built.release.prompt, built.release.position
        before = subscription.held[prompt]
        if after > before:
            self.tally.move(subscription.environment, prompt, before, after)
            subscription.held[prompt] = after
            self.changed.set()

    def close(self) -> None:
        """End all streams, and every one that is opened from now on: the process is going."""
        self._closed = True
        for subscription in self._open:
            subscription.close()
