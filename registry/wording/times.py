"""Show times as people read them.

Times are in UTC, with a Z: everybody reads the same, and what was shown can be typed again.
"""

from __future__ import annotations

from datetime import UTC, datetime

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
SHOWN_UNITS = 2  # of a duration: `2d 3h` says enough


def show(moment: datetime | str) -> str:
    """Write a time, or what the registry wrote of one: ``2026-01-31T14:05:00Z``."""
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """Write a time span as people do: ``2d 3h``."""
    left, parts = max(1, round(seconds)), []
    for unit, size in UNITS.items():
        count, left = divmod(left, size)
        parts.append(f"{count}{unit}" if count else "")
    first = next(i for i, part in enumerate(parts) if part)
    return " ".join(part for part in parts[first : first + SHOWN_UNITS] if part)


def ago(moment: str, now: datetime) -> str:
    """Write how long ago something was: ``2d 3h ago``."""
    return f"{duration((now - datetime.fromisoformat(moment)).total_seconds())} ago"
