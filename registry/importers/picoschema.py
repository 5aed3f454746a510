"""Read Picoschema, the short form of JSON Schema in dotprompt's files. Pure."""

from __future__ import annotations

from typing import Any

from registry.errors import Invalid

_SCALARS = frozenset(("any", "boolean", "integer", "null", "number", "string"))
_TYPES = _SCALARS | {"object", "array"}
_WILDCARD = "(*)"
SHOWN = 60  # characters of an author's text in a message


def json_schema(value: Any) -> dict[str, Any]:
    """Return the JSON Schema of a schema in either form. Raises Invalid for one that code defines."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str) and value["type"] in _TYPES:
            return value
        if isinstance(value.get("properties"), dict):
            return {**value, "type": "object"}
    return _schema(value)


def _schema(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, dict):
        return _object(value)
    raise Invalid(f"the schema {str(value)[:SHOWN]!r} is no mapping and no type; correct it")


def _scalar(text: str) -> dict[str, Any]:
    kind, description = _described(text)
    if kind not in _SCALARS:
        raise Invalid(f"the schema {kind[:SHOWN]!r} is defined in code; write it out")
    return ({} if kind == "any" else {"type": kind}) | description


def _object(value: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    others: Any = False
    for key, inner in value.items():
        if key == _WILDCARD:
            others = _schema(inner)
            continue
        name, is_optional, kind, description = _key(key)
        required += [] if is_optional else [name]
        properties[name] = _property(kind, inner, is_optional=is_optional) | description
    needed = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **needed, "additionalProperties": others}


def _key(key: str) -> tuple[str, bool, str, dict[str, str]]:
    """Split ``tags?(array, what they are)`` into name, whether it is optional, kind and description."""
    name, bracket, inside = key.partition("(")
    kind, description = _described(inside.removesuffix(")")) if bracket else ("", {})
    return name.removesuffix("?"), name.endswith("?"), kind, description


def _property(kind: str, value: Any, *, is_optional: bool) -> dict[str, Any]:
    match kind:
        case "":
            found = dict(_schema(value))
        case "array":
            found = {"type": "array", "items": _schema(value)}
        case "object":
            found = dict(_schema(value))
        case "enum" if isinstance(value, list):
            return {"enum": value + ([None] if is_optional and None not in value else [])}
        case _:
            raise Invalid(f"the schema has ({kind[:SHOWN]}), which is none of array, object and enum")
    if is_optional and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found


def _described(text: str) -> tuple[str, dict[str, str]]:
    kind, comma, description = text.partition(",")
    return kind.strip(), {"description": description.strip()} if comma else {}
