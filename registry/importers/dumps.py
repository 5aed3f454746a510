"""Read dumps of hosted tools: the JSON that their APIs and SDKs give, in one file or several. Pure."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Invalid
from registry.importers import sources
from registry.importers.imported import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.importers.imported import Files

ENDINGS = (".json", ".jsonl", ".ndjson")  # of the files' names in a folder
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
LAST_YEAR = 2099  # a later date is none; git and its hosts refuse it
LAST_VERSION = 999_999_999  # a larger number counts no versions
_MANY = ("data", "items", "prompts", "commits", "repos", "model_versions", "registered_models")


class Entry(NamedTuple):
    """An object of a dump, and the file that it is in."""

    path: str
    value: dict[str, Any]


def entries(files: Files) -> Iterator[Entry | Refused]:
    """Yield the objects of files of JSON by path, those of lists one by one.

    A file holds an object, a list, one object a line, or an answer of an API with a list in it.
    """
    for path in sorted(files):
        try:
            found = list(_objects(_loaded(files[path])))
        except Invalid as error:
            yield Refused(path, None, f"{error.message}; export it again")
            continue
        for value in found:
            if isinstance(value, dict):
                yield Entry(path, value)
            else:
                yield Refused(
                    path, None, f"an entry is no object but {type(value).__name__}; export it again"
                )


def _loaded(content: bytes) -> Any:
    """Read JSON, or JSON lines, of which there are at least two. Raises Invalid."""
    lines = sources.json_lines(content)
    try:
        first = [value for _, value in islice(lines, 2)]
    except Invalid:
        first = []
    if not first:
        return sources.json_value(content)
    return first[0] if len(first) == 1 else [*first, *(value for _, value in lines)]


def _objects(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)
    elif isinstance(value, dict) and (
        many := [value[key] for key in _MANY if isinstance(value.get(key), list)]
    ):
        for each in many:
            yield from _objects(each)
    else:
        yield value


def text(value: Mapping[str, Any], *keys: str) -> str | None:
    """Return the first text that is there by one of these keys; None if none is, or it is empty."""
    return next((found for key in keys if isinstance(found := value.get(key), str) and found), None)


def texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the texts of a list; without one, none."""
    found = value.get(key)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


def mapping(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the mapping of a key; without one, an empty one."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def whole(value: Any) -> int | None:
    """Return a version as a whole number from 1 on, be it written as a text; None if it is none."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 < value <= LAST_VERSION else None


def moment(value: Any) -> datetime | None:
    """Return a time in ISO 8601, by UTC where it names no zone, or in milliseconds since 1970; else None."""
    found = None
    with suppress(ValueError, OverflowError):
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip().replace(" UTC", "Z"))
            found = found if found.tzinfo else found.replace(tzinfo=EPOCH.tzinfo)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = EPOCH + timedelta(milliseconds=value)
    return found if found and found >= EPOCH and found.year <= LAST_YEAR else None
