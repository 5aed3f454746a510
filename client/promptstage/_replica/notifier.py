"""Wait and wake without a lock that a caller could hold when a signal handler interrupts it.

A handler, a finalizer or `__del__` runs between any two instructions of a thread. If it asks for a prompt
or closes a client while the code that it interrupted holds a lock, that lock is never released: neither
`threading.Event` nor `threading.Condition` is made for this.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from promptstage.clock import uptime

if TYPE_CHECKING:
    from collections.abc import Callable


class Notifier:
    """Wait for a condition over what other threads change; `notify_all` after each change."""

    def __init__(self) -> None:
        self._waiters: deque[threading.Lock] = deque()

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until a condition holds, at most `timeout` seconds. Returns whether it does."""
        deadline = uptime() + timeout
        while not condition():
            left = deadline - uptime()
            if left <= 0:
                return False
            self._wait_once(condition, min(left, threading.TIMEOUT_MAX))
        return True

    def notify_all(self) -> None:
        """Let all that wait look again."""
        while self._waiters:
            with suppress(IndexError):  # another thread woke the last one
                self._waiters.popleft().release()

    def _wait_once(self, condition: Callable[[], bool], seconds: float) -> None:
        # Not bound at import: gunicorn's gevent worker replaces it after the application is loaded, and the
        # threads that start from then on are greenlets, which all stand still where one waits on the old one.
        waiter = threading.Lock()
        waiter.acquire()
        self._waiters.append(waiter)
        # Looked at once more: the change may have come between the caller's look and this line.
        if condition() or not waiter.acquire(timeout=seconds):
            with suppress(ValueError, IndexError):  # it was woken at the same moment
                self._waiters.remove(waiter)


class Flag:
    """As `threading.Event`.

    Attributes:
        is_set: whether it is set.
    """

    def __init__(self, *, is_set: bool = False) -> None:
        self.is_set = is_set
        self._notifier = Notifier()

    def set(self) -> None:
        """Set it, and wake all that wait for it."""
        self.is_set = True
        self._notifier.notify_all()

    def clear(self) -> None:
        """Unset it."""
        self.is_set = False

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, at most `timeout` seconds. Returns whether it is."""
        return self._notifier.wait_for(lambda: self.is_set, timeout)
