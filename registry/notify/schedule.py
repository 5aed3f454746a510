"""When a message is sent: in order, again after a failure, past one that keeps failing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_SECONDS = 5.0  # after the first failure; then twice as long each time
LONGEST_SECONDS = 900.0
OVERTAKE_SECONDS = 300.0  # a message that fails so long is overtaken by those behind it
DAY_SECONDS = 86_400.0  # a message is tried so long


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that waits; times in seconds since 1970.

    Attributes:
        place: its place in the order.
        tries: how often it failed.
        due: when it may be sent; at first when it was made.
        failing_since: its first failure; None: it was not tried yet.
    """

    place: int
    tries: int
    due: float
    failing_since: float | None


def pick(waiting: Iterable[Pending], now: float) -> Pending | None:
    """Return the message of a target to be sent now, if there is one.

    Args:
        waiting: those of the target, in their order.
        now: the time.
    """
    for message in waiting:
        if message.due <= now:
            return message
        if message.failing_since is None or now - message.failing_since < OVERTAKE_SECONDS:
            return None
    return None


def pause(tries: int, asked: float = 0.0) -> float:
    """Return the seconds until the next try, after so many failures; `asked`: by the receiver."""
    doubled: float = FIRST_SECONDS * 2.0 ** min(tries - 1, 20)
    return min(max(doubled, asked), LONGEST_SECONDS)


def is_lost(failing_since: float, now: float) -> bool:
    """Return whether a message that just failed is not tried again."""
    return now - failing_since >= DAY_SECONDS
