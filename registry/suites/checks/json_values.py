"""JSON in answers: read it as strictly as JavaScript does, compare it, and find it in prose. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from registry.catalog.parsing.strict_yaml import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

NONE: Final = object()  # what is no JSON; null is a value
_COMMENT = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*'|://)|//+""")  # YAML's begins with #
OBJECT_LENGTH = 100_000  # characters of an object that is searched for


def parse(text: str) -> Any:
    """Return the JSON value that a text is, or `NONE`."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return NONE


def same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal; true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def dumps(value: Any) -> str:
    """Write a value for people."""
    return json.dumps(value, ensure_ascii=False)


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the objects in a text from left to right, none of them within another one.

    An object begins with ``{`` and ends where the braces are even, whatever is between; at the end of the
    text the missing ones are added. What is no JSON may be YAML's: ``{a: 1, 'b': two}``, with comments.
    """
    start = text.find("{")
    while start >= 0:
        end = start
        for piece in _candidates(text, start):
            end = start + len(piece.rstrip("\0"))
            value = _read(piece.replace("\0", "}"))
            if isinstance(value, dict):
                yield value
                break
        else:
            end = start + 1
        start = text.find("{", end)


def _candidates(text: str, start: int) -> Iterator[str]:
    """Yield what may be the object that begins here; a NUL stands for each brace that is added."""
    depth = 0
    longest = min(len(text), start + OBJECT_LENGTH)
    for at in range(start, longest):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            yield text[start : at + 1]
            return
    yield text[start:longest] + "\0" * depth


def _read(text: str) -> Any:
    value = parse(text)
    if value is not NONE:
        return value
    plain = _COMMENT.sub(lambda found: found[1] or "#", text)
    source = Source(plain.encode("utf-8", "replace"))
    return NONE if source.findings or source.root is None else source.root.plain()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
