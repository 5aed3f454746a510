"""Parse times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

from registry.wording.times import UNITS

TODAY = "today"
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


def _past(now: datetime, seconds: int, text: str) -> datetime:
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError as error:
        raise typer.BadParameter(f"{text!r} is too long ago; {ACCEPTED}") from error
