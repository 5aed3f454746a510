"""Something that fails again and again: one line in the log when it begins, and one when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger


@dataclass(slots=True, kw_only=True)
class Trouble:
    """Tracks whether repeated work fails; for one thread.

    Attributes:
        logger: where that is written.
        fails: what is said when it begins, before the reason.
        works: what is said when it is over.
        event: both lines have it, with `.failed` or `.mended`.
        is_on: whether it fails now.
    """

    logger: Logger
    fails: str
    works: str
    event: str
    is_on: bool = False

    def begins(self, reason: str) -> None:
        """Note that it failed."""
        if not self.is_on:
            self.logger.warning("%s: %s", self.fails, reason, extra={"event": f"{self.event}.failed"})
        self.is_on = True

    def is_over(self) -> None:
        """Note that it was done."""
        if self.is_on:
            self.logger.info("%s", self.works, extra={"event": f"{self.event}.mended"})
        self.is_on = False
