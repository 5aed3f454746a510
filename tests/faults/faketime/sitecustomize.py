"""What Python loads first under libfaketime, which breaks `time.sleep` if the monotonic clock is true."""

from __future__ import annotations

import time
from threading import Event


def _sleep(seconds: float) -> None:
    Event().wait(seconds)


time.sleep = _sleep  # type: ignore[assignment]  # no one here gives it anything but a float
