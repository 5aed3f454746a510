"""Render messages with content parts, and splice in those that the app gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptstage import mustache
from promptstage.errors import VariablesMissing
from promptstage.model import Message, MessagesPlaceholder, fill
from promptstage.mustache_rendering import MustacheRenderer
from promptstage.rendering import Renderer

if TYPE_CHECKING:
    from promptstage.model import Document


def make_renderer(name: str, document: Document) -> Renderer | StructuredRenderer:
    """Return the renderer for the messages of a document and the language of its templates."""
    if all(isinstance(m, Message) and isinstance(m.content, str) for m in document.messages):
        return (MustacheRenderer if document.language == mustache.LANGUAGE else Renderer)(name, document)
    return StructuredRenderer(name, document)


class StructuredRenderer:
    """Renders one document repeatedly: its texts as messages of their own, then puts them in their places."""

    __slots__ = ("_document", "_name", "_placeholders", "_texts")

    def __init__(self, name: str, document: Document) -> None:
        self._name = name
        self._document = document
        self._placeholders = document.placeholders
        flat = tuple(Message("", text) for text in document.texts)
        self._texts = make_renderer(name, replace(document, messages=flat))

    def __reduce__(self) -> tuple[type[StructuredRenderer], tuple[str, Document]]:
        """Prepare again in the process that a prompt is sent to."""
        return type(self), (self._name, self._document)

    def messages(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a new list of ``{"role": ..., "content": <text or parts>}``, and of the given messages.

        Raises:
            VariablesMissing: variables or placeholders that are required are missing or None.
            TypeError: a placeholder is given something else than a list of messages.
        """
        missing = [p.name for p in self._placeholders if not p.optional and given.get(p.name) is None]
        try:
            texts = (message["content"] for message in self._texts.messages(given))
        except VariablesMissing as error:
            if not missing:
                raise
            raise VariablesMissing(self._name, (*error.names, *missing)) from None
        if missing:
            raise VariablesMissing(self._name, tuple(missing))
        messages: list[dict[str, Any]] = []
        for message in self._document.messages:
            if isinstance(message, MessagesPlaceholder):
                messages += self._given(message.name, given.get(message.name))
            else:
                messages.append({"role": message.role, "content": fill(message.content, texts)})
        return messages

    def _given(self, name: str, messages: object) -> Sequence[dict[str, Any]]:
        """Return the messages given for a placeholder, as they are."""
        if messages is None:
            return ()
        if not isinstance(messages, Sequence) or isinstance(messages, str | bytes):
            raise TypeError(
                f"{name} of {self._name} is a list of messages, [{{'role': ..., 'content': ...}}], "
                f"not {type(messages).__name__}"
            )
        for index, message in enumerate(messages):
            if not _is_message(message):
                raise TypeError(
                    f"{name}[{index}] of {self._name} is no message: it needs a role, as in "
                    "{'role': 'user', 'content': ...}"
                )
        return messages


def _is_message(value: object) -> bool:
    """Tell whether it has a role; SDKs answer with objects, and take them back as they are."""
    role = value.get("role") if isinstance(value, Mapping) else getattr(value, "role", None)
    return isinstance(role, str)
