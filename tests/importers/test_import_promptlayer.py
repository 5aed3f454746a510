"""Prompt templates of PromptLayer, by what its API gives of each version."""

from __future__ import annotations

from typing import Any

import pytest
from hosted_dumps import HISTORY, refusals, rendered, texts, versions

from registry.importers.promptlayer import read


def text(content: str) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "text", "text": content, "id": None, "annotations": None}


def said(role: str, *parts: Any, language: str = "f-string", **more: Any) -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": list(parts), "template_format": language, "input_variables": [], **more}


def entry(version: Any = 1, *messages: Any, **more: Any) -> dict[str, Any]:
    """An answer of `POST /prompt-templates/{name}` with a version."""
    return {
        "id": 12,
        "prompt_name": "triage",
        "version": version,
        "tags": [],
        "commit_message": None,
        "metadata": None,
        "llm_kwargs": None,
        "prompt_template": {
            "type": "chat",
            "messages": list(messages or [said("user", text("Hi {name}"))]),
            "input_variables": ["name"],
        },
        **more,
    }


def test_a_history_of_200_versions() -> None:
    """In the order of the versions, each with its message."""
    dump = [
        entry(
            number,
            said("user", text(f"Version {number}: {{q}} {{{{json}}}}")),
            commit_message=f"change {number}",
        )
        for number in range(HISTORY, 0, -1)
    ]

    found = versions(read, {"items": dump[:100], "page": 1}, *dump[100:])
    assert [each.number for each in found] == list(range(1, HISTORY + 1))
    assert [texts(each) for each in found] == [
        [f"Version {n}: {{{{q}}}} {{json}}"] for n in range(1, HISTORY + 1)
    ]
    assert found[6].message == "change 7"


def test_a_chat_with_all_that_promptlayer_keeps() -> None:
    """Messages in either language, a place, the model, its parameters, tools, labels and metadata."""
    tool = {
        "type": "function",
        "function": {"name": "find", "description": "x", "parameters": {"type": "object"}},
    }
    chat = {
        "type": "chat",
        "messages": [
            said("system", text("Be {{ tone }}"), language="jinja2"),
            {"role": "placeholder", "name": "history"},
            said(
                "user",
                text("{q}"),
                {"type": "image_url", "image_url": {"url": "https://example.org/{x}.png"}},
            ),
        ],
        "tools": [tool],
        "tool_choice": "auto",
    }
    model = {
        "provider": "openai",
        "name": "gpt-4o",
        "parameters": {"temperature": 1, "response_format": {"type": "json_object"}},
    }
    (found,) = versions(
        read,
        entry(
            7,
            prompt_name="Support/Triage",
            prompt_template=chat,
            tags=["mail"],
            metadata={"model": model, "team": "x"},
            release_labels=["prod"],
        ),
    )

    assert (found.name, found.labels) == ("support/triage", ("prod",))
    assert found.document == {
        "name": "Support/Triage",
        "model": "openai/gpt-4o",
        "responseFormat": "json_object",
        "modelParameters": {"temperature": 1},
        "tools": [tool],
        "toolChoice": "auto",
        "messages": [
            {"role": "system", "content": "Be {{ tone }}"},
            {"placeholder": "history"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "{{q}}"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/{x}.png"}},
                ],
            },
        ],
        "metadata": {"team": "x", "tags": ["mail"]},
    }
    assert rendered(found, {"tone": "calm", "q": "Why?", "history": []})[0]["content"] == "Be calm"


def completion(content: str, **more: Any) -> dict[str, Any]:
    """A template that is one text."""
    body = {"type": "completion", "content": [text(content)], "template_format": "f-string"}
    return entry(1, prompt_template=body, **more)


def test_a_snippet_by_its_version_is_put_in() -> None:
    """Before the text is read, as its variables are the prompt's."""
    found = versions(
        read, completion("A @@@style@version_number:1@@@"), completion("Be {tone}", prompt_name="style")
    )

    assert [texts(each) for each in found] == [["Be {{tone}}"], ["A Be {{tone}}"]]


@pytest.mark.parametrize(
    ("snippet", "why"),
    [
        ("@@@style@@@", "style by its name alone, which floats"),
        ("@@@style@label:prod@@@", "style by label prod, which floats"),
        ("@@@style@version_number:3@@@", "style version 3, which is not in the dump"),
        ("@@@triage@version_number:1@@@", "triage version 1, which is more than a text"),
    ],
)
def test_other_snippets_are_refused(snippet: str, why: str) -> None:
    """Nothing is guessed."""
    (refused,) = refusals(read, completion(snippet))

    assert why in refused.why


def test_functions_of_old_templates_are_tools() -> None:
    """As OpenAI had them before."""
    old = {"type": "chat", "messages": [said("user", text("x"))], "functions": [{"name": "find"}]}
    (found,) = versions(read, entry(1, prompt_template=old | {"function_call": {"name": "find"}}))

    assert found.document["tools"] == [{"type": "function", "function": {"name": "find"}}]
    assert found.document["toolChoice"] == {"type": "function", "function": {"name": "find"}}


def test_tools_that_the_provider_runs_are_left_out() -> None:
    """All of them, as some alone would be another prompt; and that is named."""
    body = {
        "type": "chat",
        "messages": [said("user", text("x"))],
        "tools": [{"type": "web_search", "name": "web"}],
    }
    (found,) = versions(read, entry(1, prompt_template=body))

    assert found.left_out == ("the tools, as one is no function, but one that the provider runs",)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (
            entry(1, said("user", {"type": "media_variable", "name": "x"})),
            "is media_variable; there are text",
        ),
        (entry(1, said("user", 7)), "a part of a message is int"),
        (entry(1, said("user", text("x"), language="f-str")), "its template language is f-str"),
        (entry(1, said("function", text("x"))), "the role 'function'"),
        (entry(1, said("assistant", text("x"), tool_calls=[{"id": "1"}])), "calls of tools"),
        (entry(1, said("user")), "is empty"),
        (entry(1, {"role": "placeholder", "name": ""}), "a placeholder no name"),
        (entry(1, said("user", text("{a.b}"))), "looks into a value"),
        (entry(1, prompt_template=None), "neither chat nor completion"),
        (entry(1, prompt_template={"type": "chat", "messages": {}}), "messages are no list"),
        (entry(None), "no version"),
        (entry(1, prompt_name=None), "no prompt_name"),
        (entry(1, prompt_name="a/../b"), "makes no prompt's name here"),
    ],
)
def test_wrong_entries_are_named(wrong: Any, why: str) -> None:
    """Nothing of them is taken."""
    (refused,) = refusals(read, wrong)

    assert why in refused.why
