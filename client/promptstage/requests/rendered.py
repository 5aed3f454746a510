"""A rendered prompt in OpenAI's shapes, of which each API's request is made. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from promptstage.model import Document, Json

_WORDS = re.compile(r"[\s-]+|(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
_SCHEMA_NAME = 64  # characters that OpenAI's API takes
_WRAPPED = ("name", "description", "schema", "strict")


class Rendered(NamedTuple):
    """One prompt with its values in place. All of it is a copy, to build a request from.

    Attributes:
        name: the prompt's.
        model: with the publisher's prefix; empty if the prompt names none.
        parameters: of the model, by their names in snake_case; those that are null are left out.
        messages: mappings with a role and a content, and those that the application spliced in.
        response_format: ``{"type": "json_object"}``, or ``json_schema`` with the schema; None for text.
        tools: ``{"type": "function", "function": {...}}`` each.
        tool_choice: ``auto``, ``none``, ``required``, a mapping that names a function, or None.
    """

    name: str
    model: str
    parameters: Json
    messages: list[Any]
    response_format: Json | None
    tools: list[Json]
    tool_choice: str | Json | None


def make_rendered(name: str, document: Document, messages: list[Any]) -> Rendered:
    """Put a document together with its rendered messages."""
    choice: str | Json | None = copied(document.tool_choice)
    return Rendered(
        name=name,
        model=document.model,
        parameters=copy_parameters(document),
        messages=messages,
        response_format=make_response_format(name, document),
        tools=[copied(tool) for tool in document.tools],
        tool_choice=choice,
    )


def copied(value: Any) -> Any:
    """Copy mappings and lists all the way down; a twentieth of what `deepcopy` takes for little JSON."""
    if type(value) is dict:
        return {key: copied(inner) for key, inner in value.items()}
    if type(value) is list:
        return [copied(inner) for inner in value]
    return value


def copy_parameters(document: Document) -> Json:
    """Copy the parameters that have a value, by their names in snake_case."""
    return {
        snake_case(name): copied(value) for name, value in document.parameters.items() if value is not None
    }


def make_response_format(name: str, document: Document) -> Json | None:
    """Write the format of the answer as OpenAI's API takes it; None for text.

    The file's schema may be a bare JSON Schema, or ``{name, description, schema, strict}`` around one, alone
    or in a whole ``response_format``. One without a name gets that of the prompt, for the API requires it.
    """
    if document.response_format == "text":
        return None
    written: Json = {"type": document.response_format}
    if document.response_format == "json_schema":
        schema = document.json_schema or {}
        if isinstance(schema.get("json_schema"), dict):
            schema = schema["json_schema"]
        if not isinstance(schema.get("schema"), dict):
            schema = {"schema": schema}
        named = {"name": name} | {key: schema[key] for key in _WRAPPED if schema.get(key) is not None}
        named["name"] = _NOT_IN_NAMES.sub("_", str(named["name"]))[:_SCHEMA_NAME]
        written["json_schema"] = copied(named)
    return written


@lru_cache(maxsize=256)
def snake_case(name: str) -> str:
    """``maxTokens``, as GitHub's files write it, is ``max_tokens``, as the APIs do."""
    return _WORDS.sub("_", name.strip()).lower()


def without_publisher(model: str) -> str:
    """``openai/gpt-5`` is ``gpt-5`` to OpenAI."""
    return model.partition("/")[2] or model
