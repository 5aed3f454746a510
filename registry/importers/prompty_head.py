"""Read the YAML at the head of Prompty files. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import Invalid
from registry.importers import settings, sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FIRST_EDITION = frozenset(("sample", "base", "api", "configuration", "parameters", "response"))
_MODEL = frozenset(("id", "provider", "apiType", "connection", "options"))
_PROVIDERS = {"azure_openai": "azure", "azure": "azure", "openai": "openai", "anthropic": "anthropic"}
_KINDS = {
    "string": "string", "integer": "number", "float": "number", "number": "number", "boolean": "boolean",
    "array": "list", "list": "list", "object": "object",
}  # fmt: skip
_RICH = frozenset(("image", "file", "audio"))
_THREAD = "thread"
_READ = frozenset((
    "authors", "description", "displayName", "inputs", "kind", "metadata", "model", "name", "sample", "tags",
    "template", "version",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """What the head says, for a prompt file.

    Attributes:
        document: its keys.
        variables: the inputs, as `variables` has them.
        threads: the inputs that are conversations.
        sample: values that show how it is used.
        author: the first one.
        left_out: sentences on the rest.
    """

    document: dict[str, Any]
    variables: tuple[dict[str, Any], ...]
    threads: tuple[str, ...]
    sample: Mapping[str, Any]
    author: str | None
    left_out: tuple[str, ...]


def is_first_edition(head: Mapping[str, Any]) -> bool:
    """Tell the editions apart by keys that only the first one has."""
    model, inputs = head.get("model"), head.get("inputs")
    keys = {*head, *(model if isinstance(model, dict) else ())}
    types = inputs.values() if isinstance(inputs, dict) else ()
    return bool(_FIRST_EDITION & keys) or any(isinstance(one, dict) and "type" in one for one in types)


def read(head: Mapping[str, Any], *, is_first: bool) -> Head:
    """Read a head. Raises Invalid for what no prompt file can do."""
    _require_template(head.get("template"))
    left_out = [f"the key {key}" for key in head if key not in _READ]
    document: dict[str, Any] = {}
    if title := head.get("displayName") or head.get("name"):
        document["name"] = str(title)
    if head.get("description"):
        document["description"] = str(head["description"])
    document |= _model(head.get("model"), left_out, is_first=is_first)
    document |= _metadata(head)
    inputs = list(_inputs(head.get("inputs")))
    threads = tuple(name for name, about in inputs if _kind(about) == _THREAD)
    variables = tuple(_variable(name, about, left_out) for name, about in inputs if name not in threads)
    sample = _sample(head.get("sample"), left_out)
    return Head(document, variables, threads, sample, _author(head), tuple(left_out))


def _require_template(template: Any) -> None:
    """Let Jinja and Mustache pass, whose plain variables are the same."""
    given = template
    if isinstance(template, dict):
        given = template.get("format", template.get("type", "jinja2"))
    kind = given.get("kind", "jinja2") if isinstance(given, dict) else given
    if kind not in {None, "jinja2", "mustache"}:
        raise Invalid(f"its template is {str(kind)[:40]!r}, which is not read; write it in Jinja")


def _model(model: Any, left_out: list[str], *, is_first: bool) -> dict[str, Any]:
    if isinstance(model, str):
        return _named(model, None, left_out)
    given = sources.mapping(model, "model")
    if (api := given.get("apiType", given.get("api", "chat"))) not in {"chat", "responses"}:
        raise Invalid(f"it is for the API {str(api)[:40]!r}, and a prompt here is for chat")
    if is_first:
        return _first_model(given, left_out)
    left_out += _connection(given.get("connection"), "model.connection")
    left_out += (f"model.{key}" for key in given if key not in _MODEL)
    options = dict(sources.mapping(given.get("options"), "model.options"))
    options |= sources.mapping(options.pop("additionalProperties", None), "additionalProperties")
    return _named(given.get("id"), given.get("provider"), left_out) | _parameters(options, left_out)


def _first_model(given: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    configuration = dict(sources.mapping(given.get("configuration"), "model.configuration"))
    provider = configuration.pop("type", None)
    name = configuration.pop("azure_deployment", None) or configuration.pop("name", None)
    left_out += _connection(configuration, "model.configuration")
    if given.get("response", "first") != "first":
        left_out.append(f"model.response: {given['response']}")
    options = sources.mapping(given.get("parameters"), "model.parameters")
    return _named(name, provider, left_out) | _parameters(options, left_out)


def _named(name: Any, provider: Any, left_out: list[str]) -> dict[str, Any]:
    """Return the model with its publisher, as LiteLLM and GitHub write it."""
    if not name:
        return {}
    if _is_reference(name):
        left_out.append(f"the model, which is {name}; write it into the file")
        return {}
    publisher = _PROVIDERS.get(str(provider))
    return {"model": f"{publisher}/{name}" if publisher else str(name)}


def _connection(given: Any, where: str) -> Iterator[str]:
    """Yield what says how a provider is reached: by names alone, as values may be secrets."""
    if isinstance(given, dict) and given:
        yield f"how its provider is reached, {where} with {', '.join(given)}; that is the app's"


def _parameters(options: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    """Return the keys for the options of the model, of which references are left out."""
    asked = {key: value for key, value in options.items() if _is_reference(value)}
    left_out += (f"the parameter {key}, which is {value}" for key, value in asked.items())
    kept = {key: value for key, value in options.items() if key not in asked and value is not None}
    return settings.of_request(kept, left_out)


def _metadata(head: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(sources.mapping(head.get("metadata"), "metadata"))
    found |= {key: head[key] for key in ("authors", "tags", "version") if head.get(key)}
    return {"metadata": found} if found else {}


def _author(head: Mapping[str, Any]) -> str | None:
    metadata = head.get("metadata")
    authors = head.get("authors") or (metadata.get("authors") if isinstance(metadata, dict) else None)
    first = authors[0] if isinstance(authors, list) and authors else authors
    return first if isinstance(first, str) and first.strip() else None


def _inputs(given: Any) -> Iterator[tuple[str, Any]]:
    """Yield the inputs by name: a list of mappings, or a mapping to mappings or to values."""
    if isinstance(given, list):
        for each in given:
            name = each.get("name") if isinstance(each, dict) else each
            if not isinstance(name, str):
                raise Invalid("an input has no name; write `- name: question`")
            yield name, each
        return
    yield from sources.mapping(given, "inputs").items()


def _kind(about: Any) -> str:
    return str(about.get("kind", about.get("type", "string"))) if isinstance(about, dict) else "string"


def _variable(name: str, about: Any, left_out: list[str]) -> dict[str, Any]:
    """Return one of `variables`."""
    kind = _kind(about)
    if kind in _RICH:
        raise Invalid(f"the input {name} is of kind {kind}; give it to the model in the app")
    fields = about if isinstance(about, dict) else {"default": about}
    found: dict[str, Any] = {"name": name, "required": fields.get("required") is not False}
    default = fields.get("default")
    if _is_reference(default) or isinstance(default, dict | list):
        left_out.append(f"the default of {name}, which is no plain value")
    elif default is not None:
        found |= {"required": False, "default": default}
    if kind in _KINDS and kind != "string":
        found["type"] = _KINDS[kind]
    if fields.get("description"):
        found["description"] = str(fields["description"])
    return found


def _sample(given: Any, left_out: list[str]) -> Mapping[str, Any]:
    """Return the values that show how it is used; a file that is named is not read."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        left_out.append("sample, which is in another file")
        return {}
    left_out += (f"sample.{key}, which is {value}" for key, value in given.items() if _is_reference(value))
    return {key: value for key, value in given.items() if not _is_reference(value)}


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("${") and value.endswith("}")
