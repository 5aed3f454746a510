"""The position of a change in a journal."""

from __future__ import annotations

import re
from typing import NamedTuple

_TEXT = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")


class Position(NamedTuple):
    """The epoch of a journal, and the number of a change in it; the greater of two positions is the newer.

    Attributes:
        epoch: the time of the journal's creation or last recovery, in seconds since 1970.
        seq: the number of changes before it in the journal.
    """

    epoch: int
    seq: int

    def __str__(self) -> str:
        """Format it as in ETags and streams: ``<epoch>.<seq>``."""
        return f"{self.epoch}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Parse ``<epoch>.<seq>``; None if it is not valid."""
        found = _TEXT.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None


NOWHERE = Position(0, 0)
"""The position before every change."""
