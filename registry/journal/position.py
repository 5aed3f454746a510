"""The order of changes, whatever clocks have shown.

An epoch is the time at which a journal was created or recovered. One that lies more than a day ahead was made
with a wrong clock and would be the highest for ever, so it ranks below all others. Clients apply the same
rule: a recovery with the right clock replaces it everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import Unavailable
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from registry.rollouts.position import Position

AHEAD_SECONDS = 86_400.0  # a day: no maintained clock is that wrong; clients have the same bound
CLOCK_FLOOR = 1_767_225_600  # the beginning of 2026: an earlier clock is wrong itself


def is_ahead(epoch: int, now: datetime) -> bool:
    """Return whether an epoch lies further in the future than any maintained clock is wrong."""
    return epoch > now.timestamp() + AHEAD_SECONDS


def rank(position: tuple[int, int]) -> tuple[bool, int, int]:
    """Return the sort key of a position, across epochs."""
    epoch, seq = position
    return (epoch > 0 and not is_ahead(epoch, timestamps.now()), epoch, seq)


def is_newer(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether the first of two positions is the newer one."""
    if one[0] == other[0]:
        return one[1] > other[1]
    return rank(one) > rank(other)


def newest(*positions: Position) -> Position:
    """Return the newest of some positions."""
    return max(positions, key=rank)


def next_epoch(last: int, now: datetime) -> int:
    """Return the epoch of a journal that starts now and replaces one with the epoch `last`.

    It is later than `last`, unless that is ahead: then it is the present time.
    """
    present = int(now.timestamp())
    goes_back = is_ahead(last, now) and present >= CLOCK_FLOOR
    return present if goes_back else max(present, last + 1)


def misdated(epoch: int, recovery: Callable[[], str]) -> Unavailable | None:
    """Return the error for an epoch ahead, which clients ignore; `recovery` returns the remedy's command."""
    now = timestamps.now()
    if not is_ahead(epoch, now):
        return None
    days = (epoch - now.timestamp()) / AHEAD_SECONDS
    return Unavailable(
        f"the journal's epoch {epoch} is {days:.0f} days ahead of this machine's clock: clients that have "
        "seen an earlier one ignore it. Set the clock if it is wrong now. If it was when the journal began, "
        f"go back to the present: {recovery()}",
        code="journal_ahead",
    )
