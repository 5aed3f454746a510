r"""Write a prompt for clients that know roles, texts and named placeholders, and nothing more. Pure.

What they cannot carry is refused, so that nobody is served a wrong text: sections, content parts, and
places of messages. An escaped ``\{{`` becomes the braces that it stands for, unless they would be taken for
a placeholder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from promptstage import mustache, template
from promptstage.model import Message, MessagesPlaceholder
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage.model import Document


class Text(NamedTuple):
    """A message of text alone."""

    role: str
    content: str


class Place(NamedTuple):
    """The place of messages that the app gives; for protocols that have one."""

    name: str
    optional: bool


def double_braces(name: str) -> str:
    """Write a placeholder as most protocols have it."""
    return f"{{{{{name}}}}}"


def messages(
    document: Document,
    *,
    write: Callable[[str], str] = double_braces,
    is_read: Callable[[str], bool] = lambda text: bool(template.parse(text).names),
    places: bool = False,
) -> list[Text | Place]:
    """Return a prompt's messages, their placeholders written for a protocol.

    Args:
        document: the prompt.
        write: writes the placeholder of a name.
        is_read: whether the protocol's clients would find a placeholder in a literal text.
        places: whether the protocol has places of messages.

    Raises:
        Invalid: the protocol cannot carry it (`not_portable`); the message says what.
    """
    return [_message(message, document, write, is_read, places) for message in document.messages]


def _message(
    message: Message | MessagesPlaceholder,
    document: Document,
    write: Callable[[str], str],
    is_read: Callable[[str], bool],
    places: bool,
) -> Text | Place:
    if isinstance(message, MessagesPlaceholder):
        if not places:
            raise not_portable(f"a place of messages, {message.name!r}")
        return Place(message.name, message.optional)
    if not isinstance(message.content, str):
        raise not_portable("content parts")
    parsed = _parsed(message.content, document.language)
    literals = [_literal(literal, is_read) for literal in parsed.literals]
    content = literals[0] + "".join(
        write(name) + literal for name, literal in zip(parsed.names, literals[1:], strict=True)
    )
    return Text(message.role, content)


def _parsed(text: str, language: str | None) -> template.Template:
    if language is None:
        return template.parse(text)
    plain = mustache.parse(text).plain
    if plain is None:
        raise not_portable("sections")
    return plain


def _literal(text: str, is_read: Callable[[str], bool]) -> str:
    if is_read(text):
        raise not_portable(
            "braces that stand for themselves, and that its clients would take for a placeholder"
        )
    return text


def not_portable(what: str) -> Invalid:
    """Build the error for what a protocol cannot carry."""
    return Invalid(
        f"this prompt has {what}, which this protocol cannot carry; use the registry's own client or API, "
        "or write the prompt without",
        code="not_portable",
    )
