"""A stream that ends: what was offered before the end is sent, what comes after it is not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from promptstage.model import Release
from registry.access.tokens import Keyring, Role, Wish, mint
from registry.api.stream import EventStream
from registry.api.streams.hub import Hub, Subscription
from registry.rollouts.view import Built, View

if TYPE_CHECKING:
    from collections.abc import Callable

RELEASE = Release("production", "summarize", 1, 1, (), None, "1.0.0", "stable", {})


def built(seq: int) -> Built:
    """The release of a change."""
    return Built(replace(RELEASE, seq=seq), b"release %d" % seq, "")


async def sent(act: Callable[[Hub, Subscription, bytes], object]) -> bytes:
    """All that a stream sends until it ends; `act` is called as each piece of it is written."""
    token, _ = mint(Wish(name="checkout", role=Role.reader))
    hub = Hub(View(cast("Any", None)), Keyring([token]))
    subscription = Subscription(token, "production", {"summarize": (-1, -1)})
    written = b""

    async def send(message: Any) -> None:
        nonlocal written
        written += message.get("body", b"")
        act(hub, subscription, message.get("body", b""))

    await EventStream(hub, subscription)({"type": "http"}, asyncio.Event().wait, send)  # type: ignore[arg-type]
    assert hub.count == 0
    assert not hub.tally.held
    return written


def test_what_was_offered_before_the_end_is_sent() -> None:
    """A rollback that is followed by a restart reaches everybody who was slow, too."""

    def act(_: Hub, subscription: Subscription, body: bytes) -> None:
        if b"heartbeat" in body:
            subscription.offer(built(1))
        elif b"release 1" in body:
            subscription.offer(built(2))
            subscription.close()

    assert b"release 2" in asyncio.run(sent(act))


def test_nothing_is_offered_after_the_end() -> None:
    """A token that was revoked gets no news, however long its client takes to read the old ones."""

    def act(hub: Hub, subscription: Subscription, body: bytes) -> None:
        if b"heartbeat" in body:
            subscription.offer(built(1))
            hub.close()
            subscription.offer(built(2))

    written = asyncio.run(sent(act))
    assert b"release 1" in written
    assert b"release 2" not in written
