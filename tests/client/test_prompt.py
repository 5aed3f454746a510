"""Rendering: strict, and nothing of the caller's can hurt what others get."""

from __future__ import annotations

from typing import Any

import pytest
from client.fake_registry import release

from promptstage import Prompt, VariablesMissing
from promptstage.testing import Client


def prompt(messages: list[str], *variables: dict[str, Any]) -> Prompt:
    """A prompt of these texts and variables."""
    body = release()
    document = body["versions"]["1.2.0"]["document"]
    document["messages"] = [{"role": "user", "content": text} for text in messages]
    document["variables"] = [{"required": True, "default": None, "description": "", **v} for v in variables]
    return Client.of({"summarize": body}).get("summarize")


def test_all_missing_variables_are_named_at_once() -> None:
    """None counts as missing."""
    given = prompt(["{{a}} {{b}} {{c}}"], {"name": "a"}, {"name": "b"}, {"name": "c"})
    with pytest.raises(VariablesMissing, match="a, c") as caught:
        given.messages(b=1, c=None)

    assert caught.value.names == ("a", "c")


def test_a_required_variable_is_required_even_where_no_text_has_it() -> None:
    """The declaration is the contract, not this version's texts."""
    with pytest.raises(VariablesMissing):
        prompt(["hello"], {"name": "a"}).text()


def test_an_optional_variable_has_its_default() -> None:
    """None as a default is an empty text; any other is shown as it is."""
    given = prompt(
        ["<{{a}}|{{b}}|{{c}}>"],
        {"name": "a", "required": False},
        {"name": "b", "required": False, "default": 3},
        {"name": "c", "required": False, "default": "x"},
    )

    assert given.text() == "<|3|x>"
    assert given.text(a=0, b=None, c="") == "<0|3|>"


def test_values_are_inserted_once_and_extra_ones_ignored() -> None:
    """A value is text, never a template."""
    assert prompt(["{{ a }}"], {"name": "a"}).text(a="{{b}}", b="no") == "{{b}}"


def test_a_mapping_takes_names_that_python_does_not() -> None:
    """Keywords win over it."""
    given = prompt(["{{user-name}} {{b}}"], {"name": "user-name"}, {"name": "b"})

    assert given.text({"user-name": "Ada", "b": 1}, b=2) == "Ada 2"


def test_a_placeholder_that_nothing_declares_is_required() -> None:
    """As in a fallback, which declares none."""
    with pytest.raises(VariablesMissing, match="b"):
        prompt(["{{a}} {{b}}"], {"name": "a"}).text(a=1)


def test_text_joins_by_a_blank_line() -> None:
    """And messages are a new list each time."""
    given = prompt(["one", "two"])

    assert given.text() == "one\n\ntwo"
    given.messages().clear()
    assert len(given.messages()) == 2


def test_parameters_are_a_copy() -> None:
    """All callers share a prompt; none can change it for the others."""
    given = prompt(["hello"])
    given.parameters["maxTokens"] = 99

    assert given.parameters == {"maxTokens": 300}
    with pytest.raises(AttributeError):
        given.version = "2"  # type: ignore[misc]


def test_a_prompt_is_short_in_a_log() -> None:
    """Its document stays out of its repr."""
    assert "hello" not in repr(prompt(["hello"]))
