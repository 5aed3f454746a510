"""Prompts for clients that know roles, texts and named placeholders alone."""

from __future__ import annotations

from typing import Any

import pytest

from promptstage.model import Document, Message, MessagesPlaceholder
from registry.errors import Invalid
from registry.protocols import portable
from registry.protocols.portable import Place, Text


def document(*messages: Message | MessagesPlaceholder, language: str | None = None) -> Document:
    """A prompt of these messages."""
    nothing: dict[str, Any] = {}
    return Document(
        "", "", "", nothing, "text", None, (), messages, nothing, nothing, edition=2, language=language
    )


@pytest.mark.parametrize("language", [None, "mustache"])
def test_a_placeholder_is_written_as_the_protocol_has_it(language: str | None) -> None:
    """Braces of JSON, and escaped ones, stand for themselves."""
    text = 'Hi {{ name }}, {"a": 1} \\{{ and {{name}}'

    written = portable.messages(document(Message("user", text), language=language), write="<{}>".format)

    assert written == [Text("user", 'Hi <name>, {"a": 1} {{ and <name>')]


@pytest.mark.parametrize(
    ("content", "language", "what"),
    [
        ("{{#a}}x{{/a}}", "mustache", "sections"),
        ([{"type": "text", "text": "x"}], None, "content parts"),
        ("write \\{{name}} here", None, "braces that stand for themselves"),
        ("write \\{{name}} here", "mustache", "braces that stand for themselves"),
    ],
)
def test_what_cannot_be_carried_is_refused(content: Any, language: str | None, what: str) -> None:
    """It is named, and nobody is served a wrong text."""
    with pytest.raises(Invalid, match=what) as error:
        portable.messages(document(Message("user", content), language=language))

    assert error.value.code == "not_portable"


def test_a_place_of_messages_is_for_protocols_that_have_one() -> None:
    """The others refuse it."""
    prompt = document(MessagesPlaceholder("history", optional=True))

    assert portable.messages(prompt, places=True) == [Place("history", optional=True)]
    with pytest.raises(Invalid, match="a place of messages, 'history'"):
        portable.messages(prompt)
