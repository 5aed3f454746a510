"""Put variables into the values of checks. Pure.

promptfoo's values are Nunjucks templates; here ``{{name}}`` and ``{{name.key}}`` are all that is read, and
`problem` names what is more. GitHub's evaluators have ``{{name}}`` without spaces, for any name.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TAG = re.compile(r"\{\{\s*([A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*\}\}")
_EXACT = 2**53  # above it JavaScript's integers are floats
_SMALL, _LARGE = Decimal("1e-6"), Decimal("1e21")
_LOGIC = re.compile(r"\{\{|\{%|\{#")


class Missing(KeyError):
    """A value of a check names a variable that the case does not have."""


def fill(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a text, or a list with texts, with the variables put in. Raises Missing."""
    if isinstance(value, str):
        return _TAG.sub(lambda tag: as_text(_look_up(tag[1], variables)), value)
    if isinstance(value, list):
        return [fill(one, variables) if isinstance(one, str) else one for one in value]
    return value


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
    """Return a value as it is put into a text, or compared with one: JSON, unless it is a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """Write a number as JavaScript does: 5.0 is 5, and there are exponents from 1e21 on, and below 1e-6."""
    exact = Decimal(repr(float(value) if abs(value) > _EXACT else value))
    if not exact or _SMALL <= abs(exact) < _LARGE:
        plain = format(exact, "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    digits, _, exponent = repr(float(value)).partition("e")
    return f"{digits}e{int(exponent):+d}"


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
    """Yield the texts in which variables are put."""
    yield from (one for one in (value if isinstance(value, list) else (value,)) if isinstance(one, str))


def _as_go(value: Any) -> str:
    """Write a value as GitHub's program does, which is written in Go."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_as_go(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_as_go, value))}]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else "<nil>" if value is None else json.dumps(value)
