"""Prompts of Langfuse, by what its API gives of each version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hosted_dumps import HISTORY, refusals, rendered, texts, versions

from registry.importers.langfuse import read


def entry(version: Any = 1, prompt: Any = "Hi {{name}}", **more: Any) -> dict[str, Any]:
    """An answer of `GET /api/public/v2/prompts/{name}?version=n&resolve=false`, as the server gives it."""
    return {
        "id": f"clx{version}",
        "createdAt": "2025-03-01T10:00:00.000Z",
        "updatedAt": "2025-03-02T10:00:00.000Z",
        "projectId": "p",
        "createdBy": "API",
        "prompt": prompt,
        "name": "triage",
        "version": version,
        "type": "text" if isinstance(prompt, str) else "chat",
        "isActive": False,
        "config": {},
        "tags": [],
        "labels": [],
        "commitMessage": None,
        "resolutionGraph": None,
        **more,
    }


def test_a_history_of_200_versions() -> None:
    """In the order of the versions, however the dump has them, each with its date and its text."""
    dump = [
        entry(
            number,
            [{"role": "user", "content": f"Version {number} for {{{{ name }}}}: {{ {number} }}"}],
            createdAt=f"2025-03-{1 + number % 28:02}T10:00:00.000Z",
            commitMessage=f"change {number}",
        )
        for number in range(HISTORY, 0, -1)
    ]

    found = versions(read, *dump)
    assert [each.number for each in found] == list(range(1, HISTORY + 1))
    assert [texts(each) for each in found] == [
        [each["prompt"][0]["content"]] for each in sorted(dump, key=lambda each: each["version"])
    ]
    assert found[6].message == "change 7"
    assert str(found[6].at) == "2025-03-08 10:00:00+00:00"


def test_a_chat_with_all_that_langfuse_keeps() -> None:
    """Messages, a place, the model, its parameters, tools, labels, tags, and the app's own configuration."""
    config = {
        "model": "gpt-4o",
        "temperature": 0.2,
        "maxTokens": 300,
        "languages": ["en"],
        "tools": [{"name": "find", "description": None, "parameters": {"type": "object", "properties": {}}}],
        "tool_choice": "find",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": {"type": "object"}},
        },
    }
    chat = [
        {"type": "chatmessage", "role": "system", "content": "Be {{tone}}"},
        {"type": "placeholder", "name": "history"},
        {"role": "model", "content": "{{question}}"},
    ]
    (found,) = versions(
        read,
        entry(7, chat, name="Support/Triage", config=config, labels=["latest", "production"], tags=["mail"]),
    )

    assert (found.name, found.source, found.labels) == ("support/triage", "Support/Triage", ("production",))
    assert found.document == {
        "name": "Support/Triage",
        "model": "gpt-4o",
        "modelParameters": {"temperature": 0.2, "maxTokens": 300},
        "responseFormat": "json_schema",
        "jsonSchema": {"name": "a", "schema": {"type": "object"}},
        "tools": [
            {
                "type": "function",
                "function": {"name": "find", "parameters": {"type": "object", "properties": {}}},
            }
        ],
        "toolChoice": {"type": "function", "function": {"name": "find"}},
        "messages": [
            {"role": "system", "content": "Be {{tone}}"},
            {"placeholder": "history"},
            {"role": "assistant", "content": "{{question}}"},
        ],
        "metadata": {"config": {"languages": ["en"]}, "tags": ["mail"]},
    }
    said = [{"role": "user", "content": "Hello"}]
    assert rendered(found, {"tone": "calm", "question": "Why?", "history": said})[1] == said[0]


def test_a_text_says_that_it_was_one() -> None:
    """So that Langfuse's clients get a text from the registry again, and not a list of messages."""
    (found,) = versions(read, entry(tags=["mail"]))

    assert found.document["metadata"] == {"tags": ["mail"], "langfuse": {"type": "text"}}


def test_objects_of_the_sdk_and_rows_of_the_database_are_read_alike() -> None:
    """Their names are in the other spelling."""
    row = {"name": "triage", "version": 3, "prompt": "Hi", "commit_message": "m", "created_by": "ada"}
    (found,) = versions(read, {**row, "created_at": "2025-03-01 10:00:00+00"})

    assert (found.message, found.author, str(found.at)) == ("m", "ada", "2025-03-01 10:00:00+00:00")


def test_double_braces_that_are_no_variable_stay_text() -> None:
    """And are named, as Langfuse's clients differ on them."""
    (found,) = versions(read, entry(1, 'Answer like {{"a": {{x}}}}'))

    assert rendered(found, {}) == [{"role": "user", "content": 'Answer like {{"a": {{x}}}}'}]
    what = '{{"a": {{x}}'
    assert found.left_out == (
        f"what {what} is for Langfuse's JavaScript client; it is text, as for the Python client",
    )


INCLUDE = "@@@langfusePrompt:name=style|{}@@@"


def test_an_included_version_is_put_in() -> None:
    """With what that one includes, as Langfuse does."""
    style = entry(2, "Be kind. " + INCLUDE.format("version=1"), name="style")
    found = versions(
        read, entry(1, "A" + INCLUDE.format("version=2") + "B"), style, entry(1, "{{x}}", name="style")
    )

    assert [texts(each) for each in found] == [["{{x}}"], ["Be kind. {{x}}"], ["ABe kind. {{x}}B"]]


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        (INCLUDE.format("label=production"), "style by label=production, which floats"),
        (INCLUDE.format("version=9"), "style version 9, which is not in the dump"),
        (INCLUDE.format("version=1"), "style version 1, which includes itself"),
        (INCLUDE.format("version=3"), "style version 3, which is no text"),
    ],
)
def test_other_includes_are_refused(prompt: str, why: str) -> None:
    """Nothing is guessed."""
    own = entry(1, INCLUDE.format("version=1"), name="style")
    chat = entry(3, [{"type": "placeholder", "name": "x"}], name="style")
    refused = [each for each in read_all(entry(1, prompt), own, chat) if getattr(each, "why", "")]

    assert why in refused[-1].why


def read_all(*entries: Any) -> list[Any]:
    """Read a dump."""
    return list(read({"dump.json": json.dumps(entries).encode()}))


def test_includes_within_includes_take_no_time() -> None:
    """Ten includes of ten includes of ten: each is read once."""
    bombs = [
        entry(number, INCLUDE.format(f"version={number - 1}") * 10 if number > 1 else "x", name="style")
        for number in range(1, 7)
    ]
    found = read_all(entry(1, INCLUDE.format("version=6") * 1000), *bombs)

    assert "with its includes it has over 262144 characters" in found[-1].why


def test_what_langfuse_resolved_itself_is_refused() -> None:
    """An old version would have today's include."""
    (refused,) = refusals(read, entry(1, resolutionGraph={"root": {}}))

    assert refused.why == (
        "its includes are put in as they were when it was exported; export it with resolve=false"
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (entry(1, 7), "neither a text nor a list"),
        (entry(1, [{"role": "wizard", "content": "x"}]), "the role 'wizard'"),
        (entry(1, [{"role": "user", "content": ""}]), "is empty"),
        (entry(1, [{"role": "user", "content": ["x"]}]), "neither a text with a role"),
        (entry(1, []), "no messages"),
        (entry(1, [{"type": "placeholder", "name": "x"}] * 2), "x stands for messages"),
        (entry(1, [{"type": "placeholder", "name": "a b"}]), "placeholder with a name"),
        (entry("1.5"), "no version"),
        (entry(-1), "no version"),
        (entry(True), "no version"),
        (entry(10**30), "no version"),
        (entry(1, name=""), "no name"),
        (entry(1, name=["x"]), "no name"),
        (entry(1, name="../../etc/passwd"), "../../etc/passwd makes no prompt's name here"),
        (entry(1, name="a|b/../c"), "makes no prompt's name here"),
        (entry(1, name="名前"), "makes no prompt's name here"),
        (entry(1, name="\u202eevil\x00" * 99), "makes no prompt's name here"),
        ("text", "no object but str"),
        ({"name": "triage", "version": 1}, "no version or no prompt"),
    ],
)
def test_wrong_entries_are_named(wrong: Any, why: str) -> None:
    """Each by its prompt, or by its file; nothing of it is taken."""
    (refused,) = refusals(read, wrong)

    assert why in refused.why


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"NaN",
        b"[" * 100_000,
        b'{"version": 1e999, "name": "x", "prompt": 1}',
        b"9" * 9999,
    ],
)
def test_files_that_are_no_json_are_named(content: bytes) -> None:
    """With what is wrong."""
    (refused,) = read({"dump.json": content})

    assert refused.name in {"dump.json", "x"}


def test_lines_lists_and_pages_are_dumps_too() -> None:
    """A file a version, one a line, or a page of the API."""
    one, two, three = (json.dumps(entry(number)) for number in (1, 2, 3))
    files = {
        "a/1.json": one.encode(),
        "b.jsonl": f"{two}\n\n{one}\n".encode(),
        "c.json": f'\ufeff{{"data": [[{three}]], "meta": {{}}}}'.encode(),
    }
    found: list[Any] = list(read(files))

    assert [each.number for each in found] == [1, 2, 3]


def test_a_version_that_the_dump_has_in_two_ways_is_given_twice() -> None:
    """Whoever plans the import refuses the second one."""
    found = versions(read, entry(1), entry(1), entry(1, "other"))

    assert [texts(each) for each in found] == [["Hi {{name}}"], ["other"]]
