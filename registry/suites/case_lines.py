"""Read the lines of a file of cases: JSON objects with their places. Pure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.catalog.parsing.strict_yaml import DEPTH_LIMIT, LFS_POINTER
from registry.suites import json_places
from registry.suites.problems import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json
    from registry.suites.problems import Fault

CASES_LIMIT = 20_000  # of a suite; each costs a call to a model, so honest suites have hundreds
LINE_SIZE = 256 << 10  # bytes of a case, as of a prompt's file
FILE_SIZE = 64 << 20  # bytes of a file of cases, which is read whole
PROBLEMS_LIMIT = 100  # of a file; more are not read
_ESCAPED = r"\u"
_SHAPE = '{"id": "...", "vars": {...}, "assert": [...]}'


class Line(NamedTuple):
    """A line of a file of cases: where it is, its text, and the object that it holds."""

    place: Place
    text: str
    data: Json

    def problem(self, fault: Fault) -> Problem:
        """Return a fault of the object at its place: at the key or entry that its path leads to."""
        column = json_places.find(self.text, fault.path) + 1
        return Problem(self.place._replace(column=column), fault.code, fault.message)


def read(path: str, content: bytes, problems: list[Problem]) -> Iterator[Line]:
    """Yield the lines of a file that are objects, and add what is wrong with the others.

    It ends where there is too much of something: cases, or problems.
    """
    if wrong := _about_file(content):
        problems.append(Problem(Place(path, 1), *wrong))
        return
    count = 0
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        count += 1
        place = Place(path, number)
        if count > CASES_LIMIT:
            message = f"these are more than {CASES_LIMIT} cases; keep the ones that tell you most"
            problems.append(Problem(place, "too_many_cases", message))
            return
        if len(problems) >= PROBLEMS_LIMIT:
            return
        found = _read(place, line)
        if isinstance(found, Line):
            yield found
        else:
            problems.append(found)


def _about_file(content: bytes) -> tuple[str, str] | None:
    if len(content) > FILE_SIZE:
        return (
            "too_many_cases",
            f"the file has more than {FILE_SIZE >> 20} MiB; keep the cases that tell you most",
        )
    if content.startswith(LFS_POINTER):
        return "lfs", "this is a pointer of Git LFS, which is not followed; take the file out of LFS"
    return None


class _Refused(Exception):
    """A line is no case."""

    def __init__(self, code: str, message: str, column: int = 1) -> None:
        super().__init__(code, message)
        self.code, self.message, self.column = code, message, column


def _read(place: Place, line: bytes) -> Line | Problem:
    try:
        text = _decoded(line)
        data = _parsed(text)
    except _Refused as refused:
        return Problem(place._replace(column=refused.column), refused.code, refused.message)
    return Line(place, text, data)


def _decoded(line: bytes) -> str:
    if len(line) > LINE_SIZE:
        message = f"this case has {len(line) >> 10} KiB; keep it below {LINE_SIZE >> 10} KiB"
        raise _Refused("case_too_large", message)
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode()) + 1
        raise _Refused("not_utf8", "this is not UTF-8; save the file as UTF-8", column) from None


def _parsed(text: str) -> Json:
    try:
        data = _OBJECTS.decode(text)
    except json.JSONDecodeError as error:
        message = f"this line is no JSON: {error.msg}; write one case in each line: {_SHAPE}"
        raise _Refused("case", message, error.colno) from None
    except (ValueError, RecursionError) as error:
        message = f"this line holds what JSON cannot carry everywhere: {str(error)[:100]}; correct it"
        raise _Refused("case", message) from None
    if not isinstance(data, dict):
        raise _Refused("case", f"a case is a JSON object; write {_SHAPE}")
    if text.count("{") + text.count("[") >= DEPTH_LIMIT and _is_too_deep(data):
        raise _Refused("too_deep", f"this is nested more than {DEPTH_LIMIT} levels deep; flatten it")
    if _ESCAPED in text and not _is_text(data):
        raise _Refused("case", r"there is half a character, \ud800 to \udfff alone; correct it")
    return data


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        first: dict[str, int] = {}
        twice = next(key for index, (key, _) in enumerate(pairs) if first.setdefault(key, index) != index)
        raise _Refused("duplicate_key", f"the key {twice[:40]!r} is there twice; remove one of the two")
    return found


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number[:20])
    return value


_OBJECTS = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_finite)


def _is_too_deep(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, dict | list):
        return False
    if depth >= DEPTH_LIMIT:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(_is_too_deep(one, depth + 1) for one in inner)


def _is_text(data: Json) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
