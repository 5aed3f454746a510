"""Read what a source is written in: YAML, JSON, JSON lines, and text with YAML at its head. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing.strict_yaml import DEPTH_LIMIT, Source
from registry.errors import Invalid
from registry.importers.imported import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from registry.importers.imported import Files, Imported, Read

NUMBER_LENGTH = 12  # hexadecimal digits of a file's own number; git shows as many of a commit
_HEAD = re.compile(
    r"\ufeff?(?P<before>(?:(?:#[^\n]*|[ \t]*)\n)*---[ \t]*\n)(?P<head>.*?)^---[ \t]*(?:\n|\Z)",
    re.DOTALL | re.MULTILINE,
)


def number_of(content: bytes) -> str:
    """Return what a file without versions counts as: by a digest, the same file is the same version."""
    return hashlib.sha256(content).hexdigest()[:NUMBER_LENGTH]


def one_by_one(files: Files, version: Callable[[str, bytes], Imported]) -> Read:
    """Yield the one version of each file, as `version` makes it of path and content, or why there is none."""
    for path, content in files.items():
        try:
            yield version(path, content)
        except Invalid as error:
            yield Refused(path, None, error.message)


def text(content: bytes) -> str:
    """Decode a file, with line feeds alone. Raises Invalid."""
    try:
        found = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid(f"line {line} is not UTF-8; save the file as UTF-8") from None
    return found.replace("\r\n", "\n").replace("\r", "\n")


def yaml(content: str | bytes) -> Any:
    """Read YAML without aliases and tags, as a prompt file. Raises Invalid with the place."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    source = Source(data)
    if source.findings:
        raise Invalid(str(source.findings[0]))
    return source.root.plain() if source.root else None


def front_matter(content: bytes) -> tuple[dict[str, Any], str]:
    """Split a text from the YAML at its head; without one it is empty. Raises Invalid with the place."""
    whole = text(content)
    found = _HEAD.match(whole)
    if found is None:
        return {}, whole
    head = yaml("\n" * found["before"].count("\n") + found["head"]) if found["head"].strip() else {}
    if not isinstance(head, dict):
        raise Invalid("the YAML at its head is no mapping; write `key: value` pairs")
    return head, whole[found.end() :]


def json_value(content: bytes) -> Any:
    """Read JSON. Raises Invalid with the place."""
    try:
        found = json.loads(
            text(content).removeprefix("\ufeff"), parse_constant=_no_number, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise Invalid(f"line {error.lineno}, column {error.colno}: this is no JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise Invalid(f"this holds what JSON cannot carry everywhere: {str(error)[:100]}") from None
    _require_flat(found)
    return found


def json_lines(content: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the values of JSON lines with the numbers of their lines. Raises Invalid with the place."""
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            try:
                yield number, json_value(line)
            except Invalid as error:
                raise Invalid(f"line {number}: {error.message}") from None


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return a mapping; nothing counts as an empty one. Raises Invalid."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"{what} is no mapping, so it is not understood")
    return value


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number[:20]} is too large a number")
    return value


def _require_flat(value: Any) -> None:
    """Let a value pass that is not nested too deep, without recursion."""
    level = [value]
    for _ in range(DEPTH_LIMIT):
        inner = (
            each.values() if isinstance(each, dict) else each
            for each in level
            if isinstance(each, dict | list)
        )
        level = [one for each in inner for one in each if isinstance(one, dict | list)]
        if not level:
            return
    raise Invalid(f"this is nested more than {DEPTH_LIMIT} levels deep; flatten it")
