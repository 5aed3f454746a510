"""Compare the positions of changes, whatever clocks have shown.

An epoch is the time at which a journal was created or recovered. One that lies more than a day ahead was made
with a wrong clock and would be the highest for ever, so it ranks below every one that does not. Clients go by
the same rule: what a recovery writes with the right clock replaces it everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import Unavailable
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from registry.rollouts.position import Position

AHEAD_SECONDS = 86_400.0  # a day: no clock that is kept is wrong by as much; clients have the same bound
CLOCK_FLOOR = 1_767_225_600  # the beginning of 2026: a clock that shows less is wrong itself


def is_ahead(epoch: int, now: datetime) -> bool:
    """Whether an epoch lies in the future, by more than any clock that is kept is wrong."""
    return epoch > now.timestamp() + AHEAD_SECONDS


def rank(position: tuple[int, int]) -> tuple[bool, int, int]:
    """What positions of any epochs are ordered by."""
    epoch, seq = position
    return (epoch > 0 and not is_ahead(epoch, timestamps.now()), epoch, seq)


def is_newer(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether the first of two positions is the newer one."""
    if one[0] == other[0]:
        return one[1] > other[1]
    return rank(one) > rank(other)


def newest(*positions: Position) -> Position:
    """The newest of some positions."""
    return max(positions, key=rank)


def next_epoch(last: int, now: datetime) -> int:
    """The epoch of a journal that begins now, and takes the place of one with the epoch `last`.

    It is later than that, unless `last` is ahead: then it goes back to the present.
    """
    present = int(now.timestamp())
    goes_back = is_ahead(last, now) and present >= CLOCK_FLOOR
    return present if goes_back else max(present, last + 1)


def misdated(epoch: int, recovery: Callable[[], str]) -> Unavailable | None:
    """Why clients ignore a journal with an epoch that is ahead; `recovery` gives the command that helps."""
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
