"""Find where a value stands in a JSON text. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.suites.problems import Path

_SPACE = re.compile(r"[ \t\n\r]*")
_ANY = json.JSONDecoder()


def find(text: str, path: Path) -> int:
    """Return the offset of what a path leads to: of its key, or of itself in a list.

    Args:
        text: valid JSON.
        path: keys and numbers, from the outermost value; where it leaves the text, its last place counts.
    """
    value = place = _skip(text, 0)
    for part in path:
        found = next((entry for entry in _entries(text, value) if entry[0] == part), None)
        if found is None:
            break
        _, place, value = found
    return place


def _entries(text: str, start: int) -> Iterator[tuple[str | int, int, int]]:
    """Yield the key or number of each entry of a collection, its own place, and that of its value."""
    is_object = text[start] == "{"
    if text[start] not in "{[":
        return
    at, number = _skip(text, start + 1), 0
    while text[at] not in "}]":
        key: str | int = number
        value = place = at
        if is_object:
            key, end = _ANY.raw_decode(text, at)
            value = _skip(text, _skip(text, end) + 1)  # over the colon
        yield key, place, value
        at = _skip(text, _ANY.raw_decode(text, value)[1])
        if text[at] == ",":
            at = _skip(text, at + 1)
        number += 1


def _skip(text: str, at: int) -> int:
    """Return the offset of the next character that is no white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at
