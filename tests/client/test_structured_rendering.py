"""Messages with content parts, and messages that the app gives."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from promptstage import VariablesMissing
from promptstage.errors import ReleaseInvalid
from promptstage.model import Document, Variable, dump_document, parse_document, parse_release
from promptstage.prompt import make_document, make_fallback
from promptstage.structured_rendering import make_renderer
from promptstage.testing import Client

HISTORY: list[dict[str, Any]] = [
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    {"role": "tool", "tool_call_id": "1", "content": "{{text}}"},
]
PARTS = [
    {"type": "text", "text": "About {{text}}"},
    {"type": "image_url", "image_url": {"url": "{{photo}}", "detail": "low"}},
]


def document(*messages: dict[str, Any], language: str | None = None) -> Document:
    """A document of these messages, after its way over the wire."""
    made = replace(make_document(messages), edition=2, language=language, portable=False)
    return parse_document(json.loads(json.dumps(dump_document(made))))


CHAT = document(
    {"role": "system", "content": "Help with {{text}}."},
    {"placeholder": "history"},
    {"placeholder": "more", "optional": True},
    {"role": "user", "content": PARTS},
)


@pytest.mark.parametrize("language", [None, "mustache"])
def test_parts_and_history(language: str | None) -> None:
    """Texts are replaced wherever they are; what is given stays as it is."""
    renderer = make_renderer("chat", replace(CHAT, language=language))
    messages: list[dict[str, Any]] = renderer.messages(
        {"text": "{{photo}}", "photo": "data:x", "history": HISTORY, "unused": 1}
    )

    assert messages == [
        {"role": "system", "content": "Help with {{photo}}."},
        *HISTORY,
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "About {{photo}}"},
                {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}},
            ],
        },
    ]
    assert messages[1] is HISTORY[0]
    messages[-1]["content"][1]["image_url"]["url"] = "changed"
    assert CHAT.texts[-2:] == ["{{photo}}", "low"]
    assert pickle.loads(pickle.dumps(renderer)).messages({"text": "", "photo": "", "history": ()})


def test_all_that_is_missing_is_named_at_once() -> None:
    """Variables and placeholders, None among them."""
    renderer = make_renderer("chat", replace(CHAT, variables=(Variable("text", True, None, ""),)))

    with pytest.raises(VariablesMissing, match="chat needs text, photo, history; ") as caught:
        renderer.messages({"history": None})
    assert caught.value.names == ("text", "photo", "history")
    with pytest.raises(VariablesMissing, match="chat needs history; "):
        renderer.messages({"text": "a", "photo": "b"})


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ("hello", r"history of chat is a list of messages, \[\{'role': ..., 'content': ...\}\], not str"),
        ({"role": "user"}, "is a list of messages, .* not dict"),
        (7, "not int"),
        (["hello"], r"history\[0\] of chat is no message: it needs a role"),
        ([*HISTORY, {"content": "x"}], r"history\[2\] of chat is no message"),
        ([{"role": None}], r"history\[0\]"),
        (iter(HISTORY), "not list_iterator"),
    ],
)
def test_a_placeholder_is_given_something_else(history: object, words: str) -> None:
    """Before a provider says so in its own words."""
    with pytest.raises(TypeError, match=words):
        make_renderer("chat", CHAT).messages({"text": "", "photo": "", "history": history})


def test_messages_may_be_objects_of_an_sdk() -> None:
    """They have a role, and SDKs take them back."""
    answer: Any = SimpleNamespace(role="assistant", content="Yes")
    prompt = Client.of(
        {"chat": [{"placeholder": "history"}, {"role": "user", "content": [PARTS[0], {"type": "x"}]}]}
    ).get("chat")

    assert prompt.messages(history=[answer], text="a")[0] is answer
    assert prompt.text(history=[answer], text="a") == "Yes\n\nAbout a"
    assert prompt.text(history=HISTORY, text="a") == "{{text}}\n\nAbout a"


def test_a_fallback_with_all_of_it() -> None:
    """As a prompt of an author."""
    prompt = make_fallback(
        "chat", [{"placeholder": "history", "optional": True}, {"role": "user", "content": PARTS}]
    )
    assert len(prompt.messages(text="a", photo="b")) == 1
    for content in (["text"], [{"text": "no type"}], None):
        with pytest.raises(TypeError, match="a content is a text, or a list of parts"):
            make_fallback("chat", [{"role": "user", "content": content}])
    for message in ({"role": 5, "content": "Hello"}, {"placeholder": 5}):
        with pytest.raises(TypeError, match="a prompt of your own is"):
            make_fallback("chat", [message])


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "template": ["text"]}]},
        {"messages": [{"role": "user", "template": {"type": "text"}}]},
        {"messages": [{"role": "user", "content": "of the first edition"}]},
        {"messages": [{"placeholder": 1, "optional": True}]},
        {"messages": [{"placeholder": "history"}]},
        {"tools": {"type": "function"}},
        {"tools": ["find"]},
        {"tool_choice": 5},
        {"language": "mustache", "messages": [{"role": "user", "template": [{"type": "x", "x": ["{{#"]}]}]},
    ],
)
def test_a_document_that_cannot_be_rendered_is_refused(change: dict[str, Any]) -> None:
    """The last release stays."""
    with pytest.raises((ValueError, TypeError, KeyError)):
        parse_document(dump_document(CHAT) | change)


def test_a_release_that_is_nested_without_end_is_refused() -> None:
    """Whatever a registry sends, the follower goes on."""
    deep: Any = "{{a}}"
    for _ in range(3000):
        deep = [deep]
    sent = dump_document(CHAT) | {
        "language": "mustache",
        "messages": [{"role": "user", "template": [{"type": "x", "x": deep}]}],
    }
    served = {"number": None, "digest": "", "commit": "", "document": sent}
    release = {
        "environment": "e", "prompt": "chat", "epoch": 1, "seq": 1, "targets": [], "split": None,
        "default": {"version": "1.0.0", "arm": "stable"}, "versions": {"1.0.0": served},
    }  # fmt: skip
    with pytest.raises(ReleaseInvalid, match="RecursionError"):
        parse_release(release)
