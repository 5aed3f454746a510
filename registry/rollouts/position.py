"""The position of a change in a journal."""

from __future__ import annotations

import re
from typing import NamedTuple

_TEXT = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")


class Position(NamedTuple):
    """The epoch of a journal, and the number of a change in it: of two positions the greater is the newer.

    Attributes:
        epoch: when the journal began, or was recovered, in seconds since 1970.
        seq: the changes before it in the journal.
    """

    epoch: int
    seq: int

    def __str__(self) -> str:
        """Write it as ETags and streams do: ``<epoch>.<seq>``."""
        return f"{self.epoch}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Read ``<epoch>.<seq>``; None if it is something else."""
        found = _TEXT.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None


NOWHERE = Position(0, 0)
"""Before every change."""
