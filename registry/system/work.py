"""The work of one request: its deadline, and whether its caller still waits.

A thread cannot be ended from outside. So every loop over many names, changes or versions calls `check` as it
goes, which raises once the work has ended.
"""

from __future__ import annotations

import time
from contextvars import ContextVar

from registry.errors import Unavailable

GONE = "the caller no longer waits for this"
STOPPING = "the registry is stopping; ask again in a moment"


class Work:
    """The work of one request; any thread may end it."""

    __slots__ = ("_deadline", "_ended", "_seconds")

    def __init__(self, seconds: float | None = None) -> None:
        """Start the clock; `seconds`: how long it may take."""
        self._seconds = seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._ended = ""

    @property
    def left(self) -> float | None:
        """The seconds left; None: no limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def extend(self, seconds: float) -> None:
        """Extend the deadline by the seconds spent waiting for others."""
        if self._deadline is not None:
            self._deadline += seconds

    def end(self, why: str) -> None:
        """End it at its next check, for this reason."""
        self._ended = why

    def check(self) -> None:
        """Raise Unavailable if it has ended (`stopped`, `deadline`)."""
        if self._ended:
            raise Unavailable(self._ended, code="stopped")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise Unavailable(
                f"this takes longer than {self._seconds:g} s; ask for less at once, or try again in a moment",
                code="deadline",
            )


current: ContextVar[Work | None] = ContextVar("work", default=None)


def check() -> None:
    """Raise Unavailable if the current work has ended (`stopped`, `deadline`)."""
    work = current.get()
    if work is not None:
        work.check()
