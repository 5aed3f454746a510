"""Durations as people write them: ``30s``, ``10m``, ``4h``, ``2d``."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse(text: str) -> timedelta:
    """Parse a duration. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a time; write 30s, 10m, 4h or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
