"""Render messages of text: put values in place of their variables."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from promptstage.errors import VariablesMissing
from promptstage.model import Message
from promptstage.template import parse, render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptstage.model import Document
    from promptstage.template import Template

    Prepared = tuple[str, list[str], Callable[[Mapping[str, str]], tuple[str, ...]]]


class Renderer:
    """Renders one document, whose contents are texts, again and again; what can be prepared is, once."""

    __slots__ = ("_document", "_name", "_prepared", "_roles", "_safe", "_texts")

    def __init__(self, name: str, document: Document) -> None:
        self._name = name
        self._document = document
        self._texts = document.texts
        self._roles = [message.role for message in document.messages if isinstance(message, Message)]
        plain = self._plain()
        self._prepared = list(map(_prepare, self._roles, plain or ()))
        self._safe = plain is not None and not _unused(document, plain)

    def __reduce__(self) -> tuple[type[Renderer], tuple[str, Document]]:
        """A prompt may go to another process; what was prepared is prepared again there."""
        return type(self), (self._name, self._document)

    def _plain(self) -> list[Template] | None:
        """Each message as literals and placeholders; None where that cannot say it."""
        return [parse(text) for text in self._texts]

    def messages(self, given: Mapping[str, Any]) -> list[dict[str, str]]:
        """A new list of ``{"role": ..., "content": ...}``.

        Raises:
            VariablesMissing: required variables were not given, or are None.
        """
        # Where every placeholder is given a text, which is nearly always, this takes a fifth of the time.
        if not self._safe:
            return self._slowly(given)
        for value in given.values():
            if type(value) is not str:
                return self._slowly(given)
        messages = []
        try:
            for role, parts, pick in self._prepared:
                filled = parts.copy()
                filled[1::2] = pick(given)
                messages.append({"role": role, "content": "".join(filled)})
        except KeyError:  # of one that has a default, or is missing
            return self._slowly(given)
        return messages

    def _slowly(self, given: Mapping[str, object]) -> list[dict[str, str]]:
        values = self._values(given)
        texts = [render(text, values) for text in self._texts]
        return [{"role": role, "content": text} for role, text in zip(self._roles, texts, strict=True)]

    def _values(self, given: Mapping[str, object]) -> dict[str, str]:
        """A text for every placeholder, from what was given and the defaults."""
        needed = dict.fromkeys(name for text in self._texts for name in parse(text).names)
        values, missing = {}, []
        for variable in self._document.variables:
            needed.pop(variable.name, None)
            value = given.get(variable.name)
            if value is None and variable.required:
                missing.append(variable.name)
                continue
            value = variable.default if value is None else value
            values[variable.name] = "" if value is None else str(value)
        # A placeholder that nothing declares (a fallback declares none) is required.
        for name in needed:
            if given.get(name) is None:
                missing.append(name)
            values[name] = str(given.get(name))
        if missing:
            raise VariablesMissing(self._name, tuple(missing))
        return values


def _unused(document: Document, templates: list[Template]) -> bool:
    """Tell whether no message holds a required variable, so that rendering alone would not miss it."""
    used = {name for template in templates for name in template.names}
    return any(variable.required and variable.name not in used for variable in document.variables)


def _prepare(role: str, template: Template) -> Prepared:
    """The role of a message, its literals with room between them, and what picks the values for that."""
    parts = [""] * (2 * len(template.literals) - 1)
    parts[::2] = template.literals
    return role, parts, _picker(template.names)


def _picker(names: tuple[str, ...]) -> Callable[[Mapping[str, str]], tuple[str, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)
