"""Parse and show times as people write them.

Shown are times in UTC, with a Z: everybody reads the same, and what was shown can be typed again.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
TODAY = "today"
SHOWN_UNITS = 2  # of a duration: `2d 3h` says enough
ACCEPTED = "write 2h, 30m ago, 2026-01-31T14:05:00Z, today, or 2026-01-31 14:05 in your own time zone"

_AGO = re.compile(r"((?:\d{1,6}[dhms]\s*)+)(?:ago)?", re.ASCII)
_PART = re.compile(r"(\d+)([dhms])", re.ASCII)


def parse(text: str, now: datetime) -> datetime:
    """Read a time: RFC 3339, local if it has no zone, how long ago, or today's midnight here.

    Raises:
        typer.BadParameter: it is none.
    """
    if text.strip() == TODAY:
        return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    if found := _AGO.fullmatch(text.strip()):
        seconds = sum(int(count) * UNITS[unit] for count, unit in _PART.findall(found[1]))
        return _past(now, seconds, text)
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no time; {ACCEPTED}") from error


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


def _past(now: datetime, seconds: int, text: str) -> datetime:
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError as error:
        raise typer.BadParameter(f"{text!r} is too long ago; {ACCEPTED}") from error
