"""Read dotprompt files (``.prompt``) of Google's Genkit and Firebase. Pure.

Each file is one version: a YAML head, and a Handlebars template of which variables, roles and the history are
carried over. A file has no versions of its own, so its number is a digest of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.errors import Invalid
from registry.importers import handlebars, messages, names, picoschema, settings, sources
from registry.importers.imported import Imported
from registry.importers.messages import Place, Said
from registry.importers.parameters import parameters
from registry.importers.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry.importers.handlebars import Token
    from registry.importers.imported import Files, Read

ENDING = ".prompt"
HISTORY = "history"
_KEYS = frozenset((
    "config", "description", "input", "metadata", "model", "name", "output", "toolDefs", "tools", "variant",
    "version",
))  # fmt: skip
_TYPES = {
    "string": "string", "integer": "number", "number": "number", "boolean": "boolean", "array": "list",
    "object": "object",
}  # fmt: skip

_AS_JAVASCRIPT = {"boolean", "list", "object"}  # in Mustache true is true, and not True


def read(files: Files) -> Read:
    """Yield the one version of each file."""
    return sources.one_by_one(files, _version)


def _version(path: str, content: bytes) -> Imported:
    if path.rpartition("/")[2].startswith("_"):
        raise Invalid("it is a partial, which only other files include")
    head, body = sources.front_matter(content)
    left_out: list[str] = []
    document = _document(head, body.strip() if head else body, left_out)
    return Imported(
        names.of(path.removesuffix(ENDING)),
        sources.number_of(content),
        document,
        source=path,
        left_out=tuple(left_out),
    )


def _document(head: Mapping[str, Any], body: str, left_out: list[str]) -> dict[str, Any]:
    tokens = handlebars.tokens(body)
    used = list(dict.fromkeys(token.value for token in tokens if token.kind == "variable"))
    found: dict[str, Any] = {
        key: head[key] for key in ("description", "model") if isinstance(head.get(key), str) and head[key]
    }
    if config := sources.mapping(head.get("config"), "config"):
        found["modelParameters"] = parameters(config)
    found |= _output(sources.mapping(head.get("output"), "output"), left_out) | _metadata(head)
    left_out += _rest(head)
    if variables := _variables(sources.mapping(head.get("input"), "input"), used, left_out):
        found["variables"] = variables
    types = {each["name"]: each.get("type") for each in variables}
    left_out += _written_otherwise(types, used)
    in_mustache = bool(_AS_JAVASCRIPT & set(types.values())) or any("." in name for name in used)
    return found | messages.document(list(_messages(tokens, in_mustache=in_mustache)))


def _written_otherwise(types: Mapping[str, Any], used: Iterable[str]) -> Iterator[str]:
    """Yield the variables whose values are written in another way here."""
    for name in used:
        if types.get(name) in {"list", "object"}:
            yield f"how the {types[name]} {name} is written: with commas there, as JSON here"


def _metadata(head: Mapping[str, Any]) -> dict[str, Any]:
    found = {**sources.mapping(head.get("metadata"), "metadata")}
    if head.get("version"):
        found["version"] = head["version"]
    return {"metadata": found} if found else {}


def _rest(head: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the head says that a prompt file has no place for."""
    yield from (f"the key {key}" for key in head if key not in _KEYS)
    for key in ("tools", "toolDefs"):
        given = head.get(key)
        for tool in given if isinstance(given, list) else ():
            yield f"the tool {tool.get('name') if isinstance(tool, dict) else tool}, which code has to offer"


def _output(output: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    """Return the keys that say what the answer is like."""
    kind = output.get("format", "json" if output.get("schema") else "text")
    left_out += [f"output.{key}" for key in output if key not in {"format", "schema"}]
    if kind == "text":
        return {}
    if kind != "json":
        left_out.append(f"output.format {kind}, so the answer is text")
        return {}
    if not output.get("schema"):
        return {"responseFormat": "json_object"}
    try:
        schema = picoschema.json_schema(output["schema"])
    except Invalid as error:
        left_out.append(f"output.schema, so the answer is any JSON object: {error.message}")
        return {"responseFormat": "json_object"}
    return settings.response_format(
        {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}, left_out
    )


def _variables(given: Mapping[str, Any], used: Iterable[str], left_out: list[str]) -> list[dict[str, Any]]:
    """Return the variables, as far as the input says something of them."""
    defaults = sources.mapping(given.get("default"), "input.default")
    try:
        schema = picoschema.json_schema(given["schema"]) if given.get("schema") else {}
    except Invalid as error:
        left_out.append(f"input.schema: {error.message}")
        schema = {}
    properties = sources.mapping(schema.get("properties"), "the properties of input.schema")
    if not properties and not defaults:
        return []
    required = schema.get("required", properties and [])
    found = []
    for name in dict.fromkeys((*used, *properties)):
        outer = name.partition(".")[0]
        about = properties.get(name, properties.get(outer) if name == outer else None)
        variable = {"name": name, "required": not properties or outer in required}
        found.append(variable | _about(about) | _default(name, defaults, left_out))
    return found


def _default(name: str, defaults: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    value = defaults.get(name)
    if value is None:
        return {}
    if isinstance(value, dict | list):
        left_out.append(f"the default of {name}, which is more than one value")
        return {}
    return {"required": False, "default": value}


def _about(schema: Any) -> dict[str, Any]:
    """Return the type and description of a variable, by its schema."""
    if not isinstance(schema, dict):
        return {}
    kinds = schema.get("type")
    named = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null"]
    found = {"type": _TYPES.get(named[0]) if len(named) == 1 and isinstance(named[0], str) else None}
    found |= {"description": schema["description"]} if isinstance(schema.get("description"), str) else {}
    return {key: value for key, value in found.items() if value}


def _messages(tokens: Iterable[Token], *, in_mustache: bool) -> Iterator[Said | Place]:
    """Yield the messages: a role begins one if there is text before it, and the history always does."""
    role = "user"
    parts: list[Token] = []

    def ended() -> Iterator[Said]:
        if any(part.kind == "variable" or part.value.strip() for part in parts):
            yield Said(messages.role(role), _text(parts, in_mustache=in_mustache))

    for token in tokens:
        if token.kind in {"text", "variable"}:
            parts.append(token)
            continue
        yield from ended()
        if token.kind == "history":
            yield Place(HISTORY, is_optional=True)
        role, parts = token.value or "model", []
    yield from ended()


def _text(parts: Iterable[Token], *, in_mustache: bool) -> Text:
    """Return a text with its variables; in Mustache where one is nested, or is written as JavaScript does."""
    literals, names, source = [""], [], ""
    for part in parts:
        if part.kind == "variable":
            source += f"{{{{{part.value}}}}}"
            names.append(part.value)
            literals.append("")
        else:
            source += part.value.replace("{{", r"\{{") if in_mustache else part.value
            literals[-1] += part.value
    if in_mustache:
        return Text(source, (), (), is_logic=True)
    return Text(source, tuple(literals), tuple(names))
