"""The progress of the follower's thread: its state, since when, and whether it still runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from promptstage import limits
from promptstage._http.registry_errors import no_thread
from promptstage.clock import uptime
from promptstage.status import now

if TYPE_CHECKING:
    from promptstage._replica.release_store import ReleaseStore
    from promptstage.status import StreamState, StreamStatus

_logger = logging.getLogger("promptstage")
_STALLED = (
    "the thread that keeps prompts fresh has not run for {seconds:.0f} s: the process was frozen, or its "
    "server lets no thread run between requests (with uWSGI set enable-threads)"
)


class Progress:
    """The follower's notes for `Client.status`.

    Attributes:
        error: why it is not connected.
        head: the newest ``(epoch, seq)`` that the registry told of.
        failures: attempts that failed since it was last connected.
    """

    def __init__(self, state: StreamState) -> None:
        self._state: tuple[StreamState, str] = (state, now())
        self.error: str | None = None
        self.head: tuple[int, int] | None = None
        self.failures = 0
        self._ran_at: float | None = None
        self._stall_logged = self._loss_logged = False

    def enter(self, state: StreamState, error: str | None = None) -> None:
        """Note what the thread does and, if it is something else than before, since when."""
        before, since = self._state
        self._state, self.error = (state, since if before == state else now()), error

    def run(self) -> None:
        """Note that the thread runs. If it did not for long, that is worth one line in the log."""
        idle, self._ran_at = self._idle(), uptime()
        if idle > limits.STALLED and not self._stall_logged:
            self._stall_logged = True
            _logger.warning(_STALLED.format(seconds=idle))

    def no_thread(self, error: RuntimeError, holdings: ReleaseStore) -> None:
        """Note that there is no thread, and say so once."""
        self.enter("idle", no_thread(error))
        if not self._loss_logged:
            self._loss_logged = True
            _logger.error("%s; %s", self.error, holdings.in_words())

    def status(self) -> StreamStatus:
        """The part of `Client.status` that is about the stream."""
        (state, since), error, idle = self._state, self.error, self._idle()
        if idle > limits.STALLED and state != "closed":
            state, error = "stalled", _STALLED.format(seconds=idle)
        head = f"{self.head[0]}.{self.head[1]}" if self.head else None
        return {"state": state, "since": since, "head": head, "failures": self.failures, "error": error}

    def _idle(self) -> float:
        return 0.0 if self._ran_at is None else uptime() - self._ran_at
