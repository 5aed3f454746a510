"""Read ``promptstage.toml`` as TOML, with the line of what is wrong, which the parser does not keep. Pure."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing.fields import nearest
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FILE = "promptstage.toml"
DOTS_LIMIT = (
    1000  # in a line: the parser's time grows with the square of the parts of a key; this takes 40 ms
)
TEXT_LIMIT = 200  # characters of a text in it

_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")  # of the parser's errors


def decode(content: bytes) -> str:
    """Decode the file. Raises DocumentInvalid."""
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise wrong("it is not UTF-8; save it as UTF-8", line) from error


def load(text: str) -> dict[str, Any]:
    """Parse the file. Raises DocumentInvalid."""
    for number, written in enumerate(text.splitlines(), 1):
        if written.count(".") > DOTS_LIMIT:
            raise wrong("this line is no setting; remove it", number)
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise wrong("it is nested too deep; remove the brackets", None) from error
    except ValueError as error:  # of TOML, or an integer of thousands of digits
        place = _PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (None, None)
        if place is None and str(error).endswith(" (at end of document)"):
            line = text.count("\n") + 1
        words = str(error).partition(" (at ")[0]
        raise wrong(f"it is no TOML: {words}; correct it", line, column) from error


def table(text: str, data: Mapping[str, Any], name: str, keys: Sequence[str]) -> Mapping[str, Any]:
    """Return a table that has no other keys than these; an empty one if it is not there."""
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise wrong(
            f"{name} must be a table; write [{name}], and {keys[0]} = ... below it", line_of(text, name)
        )
    require_known(text, name, found, keys)
    return found


def require_known(text: str, table: str, found: Iterable[str], known: Iterable[str]) -> None:
    """Let pass a table, or the whole file, that has only known keys. Raises DocumentInvalid."""
    where = f" in [{table}]" if table else ""
    for key in found:
        if key not in known:
            near = nearest(key.lower(), list(known))
            remedy = f"did you mean {near}?" if near else f"there are {' and '.join(known)}"
            raise wrong(f"there is no {shown(key)}{where}; {remedy}", line_of(text, key, table=table))


def texts(text: str, table: Mapping[str, Any], name: str, key: str) -> list[str]:
    """Return a list of texts; an empty one if it is not there. Raises DocumentInvalid."""
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        line = line_of(text, key, table=name)
        raise wrong(f'{key} in [{name}] must be a list of texts; write {key} = ["..."]', line)
    return found


def line_of(text: str, key: str, *, table: str = "", value: str = "") -> int | None:
    """Find the line of a key, or of a value in its list; the parser keeps no places."""
    header = (
        re.compile(rf"^[ \t]*\[[ \t]*{re.escape(table)}[ \t]*\]", re.MULTILINE).search(text)
        if table
        else None
    )
    begin = rf"""^(?:[^#\n"']*[\[{{,.\s])?["']?{re.escape(key)}["']?[ \t]*[=.\]]"""
    place = re.compile(begin, re.MULTILINE).search(text, header.end() if header else 0)
    if place and value:
        place = re.compile(rf"""(["']){re.escape(value)}\1""").search(text, place.end()) or place
    return text.count("\n", 0, place.end()) + 1 if place else None


def shown(word: str) -> str:
    """Return a foreign word for a message."""
    return repr(word[:TEXT_LIMIT])


def wrong(message: str, line: int | None, column: int | None = None) -> DocumentInvalid:
    """Build the error of what is wrong at a place."""
    told = message if line else f"{FILE}: {message}"
    return DocumentInvalid(told, line=line, column=column or (line and 1), path=FILE)
