"""The work of one request: its deadline, and whether its caller still waits.

A thread cannot be ended from outside. So whatever goes through many names, changes or versions asks here as
it goes, and stops where it is.
"""

from __future__ import annotations

import time
from contextvars import ContextVar

from registry.errors import Unavailable

GONE = "the caller does not wait for this any more"
STOPPING = "the registry is stopping; ask again in a moment"


class Work:
    """One request's; any thread may end it."""

    __slots__ = ("_deadline", "_ended", "_seconds")

    def __init__(self, seconds: float | None = None) -> None:
        """Begin; `seconds`: how long it may go on."""
        self._seconds = seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._ended = ""

    @property
    def left(self) -> float | None:
        """The seconds that are left; None: there is no end."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def extend(self, seconds: float) -> None:
        """Do not count so many seconds, in which others were waited for."""
        if self._deadline is not None:
            self._deadline += seconds

    def end(self, why: str) -> None:
        """Let it stop where it is, and say why."""
        self._ended = why

    def check(self) -> None:
        """Go on, unless it has ended. Raises Unavailable (`stopped`, `deadline`)."""
        if self._ended:
            raise Unavailable(self._ended, code="stopped")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise Unavailable(
                f"this takes longer than {self._seconds:g} s; ask for less at once, or try again in a moment",
                code="deadline",
            )


current: ContextVar[Work | None] = ContextVar("work", default=None)


def check() -> None:
    """Go on with what is done now, unless it has ended. Raises Unavailable (`stopped`, `deadline`)."""
    work = current.get()
    if work is not None:
        work.check()
