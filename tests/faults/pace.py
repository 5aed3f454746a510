"""The times of clients, and how much shorter they are in the short form of a proof."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptstage import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORT = 0.03  # the short form lives that much faster
SLACK = 1.0  # seconds, in both: the machine is busy
TIMES = (
    "ANSWER_TIMEOUT",
    "ATTEMPT_SPACING",
    "BACK_OFF_BASE",
    "BACK_OFF_CAP",
    "BREAKER_PAUSE",
    "POLL_EVERY",
    "RETRY_AFTER_CAP",
    "SILENCE",
    "STREAM_RETRY",
)


@contextmanager
def paced(pace: float, times: Iterable[str] = TIMES) -> Iterator[None]:
    """Let the client's times, or those that are named, be shorter."""
    before = {name: getattr(limits, name) for name in times}
    for name, seconds in before.items():
        setattr(limits, name, seconds * pace)
    try:
        yield
    finally:
        for name, seconds in before.items():
            setattr(limits, name, seconds)
