"""A reporter of calls that reports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptstage._calls.record import Record


class Silent:
    """Takes records, and lets them go: see `promptstage.source.Reporter`."""

    def is_sampled(self, text: str) -> bool:  # noqa: ARG002 - whatever it is
        """Nobody asks for content."""
        return False

    def started(self, record: Record) -> None:
        """Let it go."""

    def ended(self, record: Record) -> None:
        """Let it go."""
