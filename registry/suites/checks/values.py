"""Put variables into the values of checks. Pure.

promptfoo's values are Nunjucks templates; here ``{{name}}`` and ``{{name.key}}`` are all that is read, and
`problem` names what is more. GitHub's evaluators have ``{{name}}`` without spaces, for any name.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TAG = re.compile(r"\{\{\s*([A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*\}\}")
_LOGIC = re.compile(r"\{\{|\{%|\{#")


class Missing(KeyError):
    """A value of a check names a variable that the case does not have."""


def fill(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a value with the variables put into its texts, at any depth. Raises Missing."""
    if isinstance(value, str):
        return _TAG.sub(lambda tag: as_text(_look_up(tag[1], variables)), value)
    if isinstance(value, dict):
        return {key: fill(inner, variables) for key, inner in value.items()}
    return [fill(inner, variables) for inner in value] if isinstance(value, list) else value


def names(value: Any) -> set[str]:
    """Return the names that the texts of a value have."""
    return {name for text in _texts(value) for name in _TAG.findall(text)}


def is_known(name: str, variables: Mapping[str, Any]) -> bool:
    """Tell whether a name has a value."""
    try:
        _look_up(name, variables)
    except Missing:
        return False
    return True


def problem(value: Any) -> str:
    """Return the first piece of a template that is not read here; empty if there is none."""
    for text in _texts(value):
        rest = _TAG.sub("", text)
        if found := _LOGIC.search(rest):
            return rest[found.start() : found.start() + 30]
    return ""


def as_text(value: Any) -> str:
    """Return a value as it is put into a text: JSON, unless it is one."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def fill_github(text: str, row: Mapping[str, Any]) -> str:
    """Return a text of an evaluator with the values of a row; an unknown name stays as it is."""
    tags = "|".join(re.escape(name) for name in sorted(row, key=len, reverse=True))
    return re.sub(r"\{\{(" + tags + r")\}\}", lambda tag: _as_go(row[tag[1]]), text) if row else text


def _look_up(name: str, variables: Mapping[str, Any]) -> Any:
    if name in variables:
        return variables[name]
    value: Any = variables
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise Missing(name)
        value = value[part]
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _as_go(value: Any) -> str:
    """Write a value as GitHub's program does, which is written in Go."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_as_go(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_as_go, value))}]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else "<nil>" if value is None else json.dumps(value)
