"""The quick way to render gives what the other one gives, or leaves it to that."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from promptstage.errors import VariablesMissing
from promptstage.model import Document, Message, Variable
from promptstage.prompt import make_document
from promptstage.rendering import Renderer

PIECES = ("{{a}}", "{{ b }}", "{{c}}", "\\{{a}}", "{{", "}}", "%s", "{0}", "é", " ", "text")


def document(*contents: str, variables: tuple[Variable, ...] = ()) -> Document:
    """A document of messages with these contents."""
    messages = tuple(Message("user", content) for content in contents)
    return replace(make_document(""), messages=messages, variables=variables)


def variable(name: str, *, required: bool = True, default: object = None) -> Variable:
    """A declared variable."""
    return Variable(name, required, default, "")


def test_it_gives_what_the_slow_way_gives() -> None:
    """For 500 documents that chance wrote."""
    chance = random.Random(11)
    given = {"a": "A {{b}}", "b": "", "c": "%s", "text": "pieces may become a name", "unused": "u"}
    for _ in range(500):
        contents = ("".join(chance.choices(PIECES, k=chance.randrange(8))) for _ in range(3))
        renderer = Renderer("summarize", document(*contents))

        assert renderer.messages(given) == renderer._slowly(given)


def test_what_is_no_text_is_left_to_the_slow_way() -> None:
    """A number is written as `str` writes it, and None counts as missing."""
    renderer = Renderer("summarize", document("{{a}}"))

    assert renderer.messages({"a": 7}) == [{"role": "user", "content": "7"}]
    with pytest.raises(VariablesMissing):
        renderer.messages({"a": None})


def test_defaults_are_left_to_the_slow_way() -> None:
    """Also beside variables that are given."""
    optional = variable("b", required=False, default="calm")
    renderer = Renderer("summarize", document("{{a}} {{b}}", variables=(variable("a"), optional)))

    assert renderer.messages({"a": "x"})[0]["content"] == "x calm"
    assert renderer.messages({"a": "x", "b": "y"})[0]["content"] == "x y"


def test_a_required_variable_is_missed_where_nothing_holds_it() -> None:
    """Whatever else is given."""
    renderer = Renderer("summarize", document("{{a}}", variables=(variable("a"), variable("z"))))

    with pytest.raises(VariablesMissing, match="z"):
        renderer.messages({"a": "x"})


def test_a_document_without_messages_renders_to_none() -> None:
    """An empty list is an answer, not a failure."""
    assert Renderer("summarize", document()).messages({}) == []
