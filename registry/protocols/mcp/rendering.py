"""Render a version with the arguments of an MCP client, which are texts without exception. Pure.

A variable that is a list, a mapping or a switch takes JSON: one whose name the prompt uses for a section and
never as a text, or with a dot behind it. So does a place of messages.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from promptstage import mustache, template
from promptstage.errors import PromptTooLarge, VariablesMissing
from promptstage.structured_rendering import make_renderer
from registry.errors import Invalid
from registry.protocols.mcp import content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptstage.model import Document

RENDERED = 1 << 20  # characters: what Mustache's own bound is, for the other language
SWITCHES = ("true", "false", "null")
HISTORY = 'messages, as JSON: [{"role": "user", "content": "..."}, ...]'
STRUCTURE = "JSON: a list, an object, true or false"


class Rendering:
    """One version, prepared: what it takes, and how it renders."""

    def __init__(self, name: str, document: Document) -> None:
        self._document = document
        self._renderer = make_renderer(name, document)
        self._places = {place.name for place in document.placeholders}
        self._structures = _structures(document)
        self._names = [argument["name"] for argument in arguments_of(document)]

    def messages(self, arguments: Mapping[str, object]) -> list[dict[str, Any]]:
        """Return MCP's messages. Raises Invalid."""
        given = {name: self._value(name, value) for name, value in arguments.items()}
        if self._document.language is None:
            self._check_size(given)
        try:
            rendered = self._renderer.messages(given)
        except (VariablesMissing, PromptTooLarge, TypeError) as error:
            raise Invalid(str(error), code="bad_arguments") from None
        return content.write(rendered)

    def suggestions(self, name: str, begun: str) -> list[str]:
        """Return values for an argument: its default, if it goes on from what was typed. Raises Invalid."""
        self._require(name)
        defaults = {variable.name: variable.default for variable in self._document.variables}
        default = defaults.get(name)
        if default is None:
            return []
        text = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
        return [text] if text.startswith(begun) and text else []

    def _require(self, name: str) -> None:
        if name not in self._names:
            takes = ", ".join(self._names) or "none"
            raise Invalid(f"there is no argument {name[:100]!r}; there are: {takes}", code="bad_arguments")

    def _value(self, name: str, value: object) -> object:
        self._require(name)
        if not isinstance(value, str):
            raise Invalid(f"{name}: MCP's arguments are texts; write it as one", code="bad_arguments")
        if name in self._places:
            return _json(name, value, HISTORY)
        if name in self._structures and (value.strip().startswith(("[", "{")) or value.strip() in SWITCHES):
            return _json(name, value, STRUCTURE)
        return value

    def _check_size(self, given: Mapping[str, object]) -> None:
        texts = [template.parse(text) for text in self._document.texts]
        size = sum(len(literal) for text in texts for literal in text.literals)
        size += sum(len(str(given.get(name, ""))) for text in texts for name in text.names)
        if size > RENDERED:
            raise Invalid(
                f"the prompt would have {size} characters with these arguments, of {RENDERED} at most; "
                "give shorter ones",
                code="bad_arguments",
            )


def arguments_of(document: Document) -> list[dict[str, Any]]:
    """Return what a version takes: its variables, then its places of messages."""
    structures = _structures(document)
    variables = [
        _argument(v.name, v.description or (STRUCTURE if v.name in structures else ""), required=v.required)
        for v in document.variables
    ]
    places = [_argument(p.name, HISTORY, required=not p.optional) for p in document.placeholders]
    return variables + places


def _argument(name: str, description: str, *, required: bool) -> dict[str, Any]:
    described = {"description": description} if description else {}
    return {"name": name, **described, "required": required}


def _structures(document: Document) -> frozenset[str]:
    """Return the variables whose values are no texts, as their uses show."""
    if document.language != mustache.LANGUAGE:
        return frozenset()
    uses = [use for text in document.texts for use in mustache.parse(text).uses]
    declared = {variable.name for variable in document.variables}
    dotted = {mustache.split(use.name)[0] for use in uses if "." in use.name and use.name not in declared}
    sections = {use.name for use in uses if use.is_section}
    values = {use.name for use in uses if not use.is_section}
    return frozenset((dotted | (sections - values)) & declared)


def _json(name: str, text: str, what: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{name}: {what}; this is not JSON: {error}", code="bad_arguments") from None
