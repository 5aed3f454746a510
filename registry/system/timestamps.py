"""The wall clock, and timestamps as RFC 3339 text."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, with its zone."""
    return datetime.now(UTC)


def rfc3339(moment: datetime, timespec: str = "seconds") -> str:
    """Format a time with its own offset, and with ``Z`` for UTC.

    Args:
        moment: a time with a zone.
        timespec: the smallest unit, as `datetime.isoformat` takes it.
    """
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
