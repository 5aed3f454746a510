"""Check the types that variables declare, and whether their defaults fit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.catalog.parsing.fields import SHOWN, nearest
from registry.catalog.parsing.notes import TYPES, with_fields

if TYPE_CHECKING:
    from registry.catalog.parsing.nodes import Node
    from registry.catalog.parsing.strict_yaml import Source

_FOREIGN = {
    "str": "string", "text": "string", "int": "number", "integer": "number", "float": "number",
    "bool": "boolean", "array": "list", "dict": "object", "mapping": "object", "map": "object",
}  # fmt: skip
_FITTING: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}
_REMEDIES = {"string": "quote it", "number": "write one without quotes", "boolean": "write true or false"}
_ONE = "a default is one value, so remove it, and write required: false"  # for lists and objects


def lint(source: Source) -> None:
    """Report what is wrong with the types in the `variables` of a file."""
    for name, fields in with_fields(source):
        declared = fields.get("type")
        if declared is None or source.full:
            continue
        kind = declared.value
        if not isinstance(kind, str) or kind not in TYPES:
            source.report(declared, "variable_type", _unknown(name, kind))
        elif "default" in fields and not _fits(kind, fields["default"]):
            message = f"the default of {name[:SHOWN]} is no {kind}; {_REMEDIES.get(kind, _ONE)}"
            source.report(fields["default"], "variable_type", message)


def _unknown(name: str, kind: object) -> str:
    plain = kind.lower() if isinstance(kind, str) else ""
    near = _FOREIGN.get(plain) or nearest(plain, TYPES)
    remedy = f"did you mean {near}?" if near else f"use one of {', '.join(TYPES)}"
    return f"the type of {name[:SHOWN]} is unknown, and has no effect; {remedy}"


def _fits(kind: str, default: Node) -> bool:
    value = default.value
    if value is None:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _FITTING.get(kind, ()))
