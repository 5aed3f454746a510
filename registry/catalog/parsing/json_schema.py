"""Judge the JSON Schemas of a prompt file: its `jsonSchema`, and the parameters of its tools. Pure.

The library `jsonschema` judges them by the schema of JSON Schema itself, 2020-12 unless they name another
one that it knows. Nothing is fetched. A key that JSON Schema does not know has no effect, and is a warning
where it looks like a typing error.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing.strict_yaml import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry.catalog.parsing.nodes import Node

Path = tuple[str | int, ...]
Found = tuple[Path, str]  # the path to a value, and what is wrong with it

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
SHOWN = 10  # errors about one schema: one mistake may lead to several
SAID = 160  # characters of the library's own words, which repeat the value
DEPTH = 64  # levels of subschemas; the library needs a dozen calls for each
_ONE = ("items", "additionalProperties", "additionalItems", "contains", "propertyNames", "not", "if", "then",
        "else", "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
_SEVERAL = ("anyOf", "allOf", "oneOf", "prefixItems", "items")
NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_NEAR_MISSES = {
    *_ONE, *_SEVERAL, *NAMED, "description", "type", "enum", "const", "required", "default", "examples",
    "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
    "deprecated", "title", "$ref", "$schema", "dependentRequired", "nullable",
}  # fmt: skip
_REMEDIES = {
    "type": "use array, boolean, integer, null, number, object or string",
    "required": "list the names of properties beside `properties`, such as required: [name]",
    "properties": "write `name: {type: ...}` for each property",
    "items": "write one schema; for a list of schemas it is prefixItems",
}


def lint(source: Source) -> None:
    """Report what is wrong with the schemas of a file."""
    top = source.top
    if "jsonSchema" in top:
        _report(source, top["jsonSchema"], "jsonSchema is", wrapped=True)
        if "responseFormat" not in top or top["responseFormat"].value in {"text", "json_object"}:
            message = "no model gets this schema; write `responseFormat: json_schema`, or remove it"
            source.report(top["jsonSchema"], "unused_schema", message)
    tools = top["tools"].value if "tools" in top else None
    for tool in tools if isinstance(tools, list) else ():
        function = _below(tool, ("function",))
        parameters = _below(tool, ("function", "parameters"))
        if function and parameters and parameters is not function:
            _report(source, parameters, "the parameters of a tool are")


def inner(schema: Any) -> Path:
    """Return where the schema itself is: OpenAI, and GitHub's files, wrap it with a name."""
    wrapped = isinstance(schema, dict) and isinstance(schema.get("schema"), dict)
    return ("schema",) if wrapped and not {"type", "properties", "$ref", "anyOf"} & schema.keys() else ()


def subschemas(schema: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the path and value of each schema in a schema, itself first; deeper ones than 64 are left out."""
    waiting: list[tuple[Path, Any]] = [((), schema)]
    while waiting:
        path, one = waiting.pop()
        if not isinstance(one, dict) or len(path) > 2 * DEPTH:
            continue
        yield path, one
        waiting += reversed([((*path, *place), inner) for place, inner in below(one)])


def below(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield the schemas directly in a schema, by their paths from it."""
    for key in _ONE:
        if key in schema:
            yield (key,), schema[key]
    for key in _SEVERAL:
        if isinstance(schema.get(key), list):
            yield from (((key, number), each) for number, each in enumerate(schema[key]))
    for key in NAMED:
        if isinstance(schema.get(key), dict):
            yield from (((key, name), each) for name, each in schema[key].items())


def resolve(schema: Any, target: str) -> tuple[Path, Any] | None:
    """Follow a reference such as ``#/$defs/order`` in a schema; None if it leads nowhere, or elsewhere."""
    path: Path = ()
    for part in target.removeprefix("#").split("/")[1:] if target.startswith("#") else ("",):
        name: str | int = part.replace("~1", "/").replace("~0", "~")
        if isinstance(schema, list):
            name = int(part) if part.isdecimal() and len(part) < SHOWN else len(schema)
        try:
            path, schema = (*path, name), schema[name]
        except (KeyError, IndexError, TypeError):
            return None
    return path, schema


def place(source: Source, node: Node, path: Sequence[str | int], *, key: bool = False) -> Node:
    """Return the place of a value in a schema, which may be JSON text; that of its key, if that is wanted."""
    root = Source(node.value.encode()).root if isinstance(node.value, str) else node
    found = _below(root, path) if root else None
    if found is None:
        return node
    found = found.key or found if key else found
    if root is node:
        return found
    return source.within(node, found.start, node.value[found.start : found.end]) if found.end else node


def _report(source: Source, node: Node, what: str, *, wrapped: bool = False) -> None:
    try:
        whole = json.loads(node.value) if isinstance(node.value, str) else node.plain()
    except (ValueError, RecursionError):
        return  # the reader of documents reports it
    if not isinstance(whole, dict):
        return  # the same
    start = inner(whole) if wrapped else ()
    schema = whole["schema"] if start else whole
    for path, said in islice(errors(schema), SHOWN):
        where = place(source, node, (*start, *path))
        source.report(where, "schema", f"{what} no JSON Schema: {said}")
    for path, said in islice(unknown(schema), SHOWN):
        source.report(place(source, node, (*start, *path), key=True), "unknown_key", said)


def errors(schema: dict[str, Any]) -> Iterator[Found]:
    """Yield what makes a mapping no JSON Schema, with the paths."""
    # Half of the time that the command line takes to start, and most prompts have no schema.
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415

    named = isinstance(schema.get("$schema"), str)  # anything else is an error by the default's own schema
    chosen = validator_for(schema, default=Draft202012Validator) if named else Draft202012Validator
    meta = _flat() if chosen is Draft202012Validator else chosen.META_SCHEMA
    seen: set[Path] = set()
    try:
        for error in chosen(meta).iter_errors(schema):
            best = best_match([error]) or error
            path = tuple(best.absolute_path)
            if path not in seen:
                seen.add(path)
                yield path, _sentence(path, best.instance, best.message)
    except RecursionError:
        yield (), "it is nested too deep; flatten it"
        return
    yield from _references(schema)


@cache
def _flat() -> dict[str, Any]:
    """Return the schema of 2020-12 in one piece; the references between its parts take most of the time."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # noqa: PLC0415

    meta = REGISTRY.contents(_DRAFT)
    whole: dict[str, Any] = {"$schema": _DRAFT, "type": meta["type"], "$defs": {}, "properties": {}}
    for each in (
        *(REGISTRY.contents(_DRAFT.removesuffix("schema") + part["$ref"]) for part in meta["allOf"]),
        meta,
    ):
        whole["$defs"] |= each.get("$defs", {})
        whole["properties"] |= each["properties"]
    text = json.dumps(whole).replace('"$dynamicRef": "#meta"', '"$ref": "#"')
    flat: dict[str, Any] = json.loads(re.sub(r'"meta/\w+#', '"#', text))
    return flat


def _sentence(path: Path, value: Any, message: str) -> str:
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    if key == "type" and isinstance(value, str):
        message = f"there is no type {value[:SAID]!r}"
    return f"{message[:SAID]}; {_REMEDIES.get(key, 'correct it')}"


def _references(schema: dict[str, Any]) -> Iterator[Found]:
    """Find references that lead nowhere, or out of the file."""
    named = any("$id" in one or "$anchor" in one for _, one in subschemas(schema))
    for path, one in subschemas(schema):
        target = one.get("$ref")
        if not isinstance(target, str) or (named and not target.startswith("#/")):
            continue
        if not target.startswith("#"):
            yield (*path, "$ref"), f"{target[:SAID]!r} is not fetched; copy it below $defs, and name that"
        elif resolve(schema, target) is None:
            yield (*path, "$ref"), f"nothing is at {target[:SAID]!r}; write it there, below $defs"


def unknown(schema: dict[str, Any]) -> Iterator[Found]:
    """Yield keys that look like typing errors of known ones, with their paths."""
    for path, one in subschemas(schema):
        for key in one:
            near = get_close_matches(key[:SAID], _NEAR_MISSES, 1, 0.8) if key not in _NEAR_MISSES else []
            if near and near[0] not in one and not _is_known(key):
                yield (*path, key), f"unknown key {key!r} (did you mean {near[0]}?) of a schema has no effect"


def _is_known(key: str) -> bool:
    """Return whether JSON Schema, or a format built on it, knows a key that looks like another one."""
    return key in {"example", "minContains", "maxContains", "formats", "$id", "id"}


def _below(node: Node, path: Sequence[str | int]) -> Node | None:
    for part in path:
        values = node.value
        inside = isinstance(values, dict) and part in values
        if not inside and not (isinstance(values, list) and isinstance(part, int) and part < len(values)):
            return None
        node = values[part]
    return node
