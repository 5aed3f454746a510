"""Who listens on this process, and what each of them has not been sent yet.

Of a release that changes while a slow client reads, only the newest waits for it, so a client costs as
much memory as it has names, and no more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.rollouts.view import Built, View

HEARTBEAT_SECONDS = 5.0  # clients give up after 12 s of silence: two may be lost


class Subscription:
    """One client: the names it wants, and what it has not been sent yet."""

    def __init__(self, environment: str, names: frozenset[str]) -> None:
        self.environment = environment
        self.names = names
        self.pending: dict[str, Built] = {}
        self.beat: tuple[int, int] | None = None
        self.closed = False
        self.wake = asyncio.Event()

    def offer(self, built: Built) -> None:
        """Let a release wait to be sent, in the place of an older one."""
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

    def __init__(self, view: View) -> None:
        self.view = view
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
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            head = self.view.head
            await asyncio.sleep(0)  # what was published up to that head is offered first
            for subscription in self._open:
                subscription.beat = head
                subscription.wake.set()

    def publish(self, built: Built) -> None:
        """Tell of a new release, from any thread."""
        if self._loop is not None and not self._closed:
            self._loop.call_soon_threadsafe(self._deliver, built)

    def _deliver(self, built: Built) -> None:
        for subscription in self._open:
            if (
                built.release.prompt in subscription.names
                and built.release.environment == subscription.environment
            ):
                subscription.offer(built)

    def add(self, subscription: Subscription) -> None:
        """Begin to tell a client."""
        self._open.add(subscription)
        if self._closed:
            subscription.close()

    def remove(self, subscription: Subscription) -> None:
        """Stop telling a client."""
        self._open.discard(subscription)

    def close(self) -> None:
        """End all streams, and every one that is opened from now on: the process is going."""
        self._closed = True
        for subscription in self._open:
            subscription.close()
