"""Write a prompt file and a file of cases, as an author would: long texts as blocks. Pure.

Every YAML reader reads it alike: what YAML 1.1 takes for a boolean, a number or a date is quoted.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing.strict_yaml import DEPTH_LIMIT
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BLOCK_LENGTH = 80  # characters of a text from which it stands below its key
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_PLAIN = re.compile(r"[A-Za-z](?:[^\n:#]|:(?=\S)|(?<=\S)#)*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))  # no texts in YAML 1.1
_INDENT = "  "


def prompt_file(document: Mapping[str, Any]) -> bytes:
    """Return the file of a prompt, for its keys and their values as JSON has them.

    Raises:
        Invalid: a value is nested too deep, is no number of JSON, or holds half a character.
    """
    return _encoded("".join(f"{line}\n" for line in _mapping(document, "", 0)))


def cases_file(cases: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the file of cases, one a line. Raises Invalid as `prompt_file` does."""
    return _encoded("".join(f"{_json(case)}\n" for case in cases))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        half = text[error.start].encode("unicode_escape").decode()
        raise Invalid(f"a text holds half a character, {half}; correct it in the source") from None


def _mapping(value: Mapping[str, Any], indent: str, depth: int) -> Iterator[str]:
    for key, inner in value.items():
        first, *rest = _value(inner, indent, depth + 1)
        yield f"{indent}{_key(key)}:{first}"
        yield from rest


def _list(value: list[Any], indent: str, depth: int) -> Iterator[str]:
    for inner in value:
        if isinstance(inner, dict) and inner:
            lines = iter(_mapping(inner, indent + _INDENT, depth + 1))
            yield f"{indent}- {next(lines).removeprefix(indent + _INDENT)}"
            yield from lines
        else:
            first, *rest = _value(inner, indent, depth + 1)
            yield f"{indent}-{first}"
            yield from rest


def _value(value: Any, indent: str, depth: int) -> Iterator[str]:
    """Yield what follows a key or a dash, then the lines below it."""
    if depth > DEPTH_LIMIT:
        raise Invalid(f"a value is nested more than {DEPTH_LIMIT} levels deep; flatten it in the source")
    if isinstance(value, dict) and value:
        yield ""
        yield from _mapping(value, indent + _INDENT, depth)
    elif isinstance(value, list | tuple) and value:
        yield ""
        yield from _list(list(value), indent + _INDENT, depth)
    elif isinstance(value, str) and _is_block(value):
        yield f" {_header(value)}"
        body = value.removesuffix("\n").split("\n")
        yield from (f"{indent}{_INDENT}{line}" if line else "" for line in body)
    else:
        yield f" {_scalar(value)}"


def _is_block(text: str) -> bool:
    """Tell whether a text can stand as a literal block, and reads best as one."""
    return (
        bool(text.strip())
        and ("\n" in text or len(text) > BLOCK_LENGTH)
        and text.replace("\n", "").replace("\t", "").isprintable()
    )


def _header(text: str) -> str:
    """Return the header of a literal block: its indentation where YAML would guess it, and its end."""
    lead = str(len(_INDENT)) if text[0] in " \t\n" else ""
    end = "-" if not text.endswith("\n") else "+" if text.endswith("\n\n") else ""
    return f"|{lead}{end}"


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) and key.lower() not in _WORDS else _quoted(key)


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return _json(value)
    is_plain = _PLAIN.fullmatch(value) and value.isprintable() and value.lower() not in _WORDS
    return value if is_plain and value == value.rstrip() else _quoted(value)


def _quoted(text: str) -> str:
    """Return a text in double quotes, with the unprintable as escapes."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() or _is_half(each) else _escape(each) for each in quoted)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - YAML's two widths


def _is_half(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"  # `_encoded` names it


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError, TypeError) as error:
        raise Invalid(
            f"a value is none that JSON can hold: {str(error)[:100]}; correct it in the source"
        ) from None
