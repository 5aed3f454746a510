"""The formats of texts that a JSON Schema may ask for. Pure.

The library judges a few, and more only with libraries of their own; these are the ones that answers of
models have, judged as `ajv-formats` does. Any other format lets every text pass.
"""

from __future__ import annotations

import re
from datetime import date, time
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DATE, _ZONE = r"\d{4}-\d\d-\d\d", r"(?:z|[+-]\d\d(?::?\d\d)?)"
_TIME = r"(\d\d:\d\d:\d\d)(?:\.\d+)?"
_PATTERNS = {
    "email": rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}",
    "hostname": rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*",
    "uri": r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]*",
    "uuid": r"(?:urn:uuid:)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    "date": _DATE,
    "time": _TIME + _ZONE,
    "date-time": rf"({_DATE})[t\s]{_TIME}{_ZONE}",
}
_PARSERS: dict[str, tuple[Callable[[str], object], ...]] = {  # of the groups of the pattern, or of it whole
    "date": (date.fromisoformat,),
    "time": (time.fromisoformat,),
    "date-time": (date.fromisoformat, time.fromisoformat),
    "ipv4": (IPv4Address,),
    "ipv6": (IPv6Address,),
    "regex": (re.compile,),
}
FORMATS = (*_PATTERNS, "ipv4", "ipv6", "regex")


def is_valid(kind: str, text: str) -> bool:
    """Tell whether a text has a format; one that is not among `FORMATS` every text has."""
    parts: tuple[str, ...] = (text,)
    if kind in _PATTERNS:
        found = re.fullmatch(_PATTERNS[kind], text, re.ASCII | re.IGNORECASE)
        if not found:
            return False
        parts = found.groups() or parts
    try:
        for parse, part in zip(_PARSERS.get(kind, ()), parts, strict=False):
            parse(part)
    except (ValueError, re.error):
        return False
    return True
