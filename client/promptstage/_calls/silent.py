"""A reporter of calls that reports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptstage._calls.record import Record
    from promptstage._reporting.backlog import Kind
    from promptstage.status import ReportsStatus


class Silent:
    """Takes records, and lets them go: see `promptstage.source.Reporter`."""

    def is_sampled(self, text: str) -> bool:  # noqa: ARG002 - whatever it is
        """Nobody asks for content."""
        return False

    def started(self, record: Record) -> None:
        """Let it go."""

    def ended(self, record: Record) -> None:
        """Let it go."""

    def signal(self, kind: Kind, body: dict[str, Any]) -> None:
        """Let it go."""

    def status(self) -> ReportsStatus:
        """It is off."""
        return {
            "state": "off",
            "queued": 0,
            "bytes": 0,
            "sent": 0,
            "refused": 0,
            "dropped": 0,
            "content_dropped": 0,
            "sample": 0.0,
            "error": None,
        }

    def leave(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""
