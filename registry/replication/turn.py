"""A turn to write, among registries that share a journal; without Redis all write as they can."""

from __future__ import annotations

import time
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING

from registry.errors import Unavailable
from registry.replication.redis_store import TURN_SECONDS

if TYPE_CHECKING:
    from registry.replication.redis_store import RedisStore

PAUSE_SECONDS = 0.01  # between looks; a change takes some ten times as long


class Turn:
    """The turn of one change."""

    def __init__(self, redis_store: RedisStore) -> None:
        self._redis_store = redis_store
        self._id = token_hex(8)
        self._taken = False

    def wait(self, *, wanted: bool) -> None:
        """Wait while another change has the turn; `wanted`: then take it."""
        until = time.monotonic() + TURN_SECONDS  # then it is taken to be gone
        with suppress(Unavailable):
            while not self._redis_store.turn(self._id, "take" if wanted else "look"):
                if time.monotonic() > until:
                    return
                time.sleep(PAUSE_SECONDS)
            self._taken = wanted

    def end(self) -> None:
        """Let the others write."""
        if self._taken:
            with suppress(Unavailable):
                self._redis_store.turn(self._id, "end")
