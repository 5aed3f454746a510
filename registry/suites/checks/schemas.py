"""Judge values by JSON Schemas. Nothing is fetched: a reference out of a schema is an error. Pure."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from registry.suites.checks.formats import FORMATS, is_valid

if TYPE_CHECKING:
    from jsonschema import FormatChecker

SHOWN = 160  # characters of the library's own words, which repeat the value


def violation(schema: Any, value: Any) -> str:
    """Return the first thing that makes a value invalid, with its place; empty if it is valid."""
    # Half of the time that the command line takes to start, and most suites have no schema.
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    if not isinstance(schema, dict):
        return "" if schema is not False else "nothing is valid by this schema"
    chosen = validator_for(schema, default=Draft202012Validator)
    try:
        judge = chosen(schema, registry=REGISTRY, format_checker=_formats())
        error = best_match(judge.iter_errors(value))
    except Unresolvable as missing:
        return f"the schema refers to {str(missing.ref)[:SHOWN]!r}, which is not in it and is not fetched"
    if error is None:
        return ""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"{place.lstrip('.') + ': ' if place else ''}{error.message[:SHOWN]}"


@cache
def _formats() -> FormatChecker:
    from jsonschema import FormatChecker  # noqa: PLC0415 - as above

    checker = FormatChecker(formats=())
    for kind in FORMATS:
        checker.checks(kind)(partial(_has_format, kind))
    return checker


def _has_format(kind: str, value: object) -> bool:
    return not isinstance(value, str) or is_valid(kind, value)
