"""Content parts, placeholders and tools in prompt files: their documents, and where they are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from promptstage.model import dump_document
from registry.catalog.parsing.document import check, parse
from registry.errors import DocumentInvalid

PATH = "prompts/chat.prompt.yml"
FILE = """\
toolChoice: auto
tools:
- type: function
  function:
    name: find_order
    description: An order by its number, {{as it is}}
    parameters: {type: object, properties: {number: {type: integer}}, required: [number]}
    strict: true
messages:
- {role: system, content: "You help {{company}}."}
- {placeholder: history, optional: true}
- role: user
  content:
  - {type: text, text: "{{question}}"}
  - {type: image_url, image_url: {url: "{{photo}}", detail: low}}
  - {type: input_audio, input_audio: {data: "{{audio}}", format: wav}}
  - {type: file, file: {file_id: "{{file}}"}}
"""


def read(text: str) -> dict[str, Any]:
    """The document of a file, as JSON."""
    return dump_document(parse(text.encode(), PATH).document)


def said(text: str) -> list[str]:
    """Each finding with its place and code."""
    return [f"{f.line}:{f.column} {f.code}: {f.message}" for f in check(text.encode(), PATH)]


def message(content: str) -> str:
    """A file of one message."""
    return f"messages:\n- role: user\n  content: {content}\n"


def test_a_document_with_all_of_it() -> None:
    """Names within parts are variables; texts of tools stay as they are."""
    document = read(FILE)

    assert said(FILE) == []
    assert (document["edition"], document["language"], document["portable"]) == (2, None, False)
    assert [v["name"] for v in document["variables"]] == ["company", "question", "photo", "audio", "file"]
    assert document["messages"][0] == {"role": "system", "template": "You help {{company}}."}
    assert document["messages"][1] == {"placeholder": "history", "optional": True}
    assert document["messages"][2]["template"][1] == {
        "type": "image_url",
        "image_url": {"url": "{{photo}}", "detail": "low"},
    }
    assert document["tools"][0]["function"]["description"] == "An order by its number, {{as it is}}"
    assert document["tool_choice"] == "auto"
    assert document["extra"] == {}


def test_mustache_within_parts() -> None:
    """Each text is a template of its own."""
    head = "template: mustache\n"
    assert said(head + message('[{type: text, text: "{{#a}}{{.}}{{/a}}"}]')) == []
    (finding,) = said(head + message('[{type: text, text: "{{#a}}"}]'))
    assert finding.startswith("4:33 section: {{#a}} is not closed")


PARTS = {
    "a text": ("[hello]", "3:13 part: a text among parts is a part, too; write"),
    "no type": ("[{text: a}]", "3:13 part: a part needs a type; write one of text, image_url"),
    "no parts": ("[]", "3:12 no_content: the list has no parts"),
    "no text": ("[{type: text}]", "3:13 part: the part has no text as it should; write `text: ...`"),
    "a number as text": ("[{type: text, text: 5}]", "3:32 part: the part has no text as it should"),
    "no url": (
        "[{type: image_url, image_url: {}}]",
        "3:42 part: the part has no url; write `image_url: {url",
    ),
    "a null url": ("[{type: image_url, image_url: {url: }}]", "part: the part has no url; write"),
    "a url alone": ("[{type: image_url, image_url: x}]", "3:42 part: the part has no image_url as it should"),
    "no format": ("[{type: input_audio, input_audio: {data: x}}]", "part: the part has no format; write"),
    "no file": ("[{type: file, file: {}}]", "part: the part has no file_id or file_data; write"),
    "a part of text": ("[{type: [text]}]", "3:20 not_text: type must be text"),
}


@pytest.mark.parametrize(("content", "words"), PARTS.values(), ids=PARTS)
def test_a_part_lacks_something(content: str, words: str) -> None:
    """It would be an error of the API at the first call."""
    assert any(words in finding for finding in said(message(content))), said(message(content))
    with pytest.raises(DocumentInvalid):
        parse(message(content).encode(), PATH)


def test_a_part_of_an_unknown_type() -> None:
    """Passes through: APIs learn new ones."""
    text = message('[{type: image_uri, image_uri: {at: "{{a}}"}}]')
    (finding,) = said(text)

    assert finding == (
        "3:20 part_type: this type is unknown, so the part is sent as it is; did you mean image_url?"
    )
    assert read(text)["messages"][0]["template"] == [{"type": "image_uri", "image_uri": {"at": "{{a}}"}}]


PLACEHOLDERS = {
    "no name": ("- placeholder: [a]", "2:16 not_text"),
    "an odd name": ("- placeholder: my history", "2:16 placeholder: a placeholder needs a name"),
    "twice": ("- placeholder: a\n- placeholder: a", "3:16 placeholder: a has a place already"),
    "a variable": ("- placeholder: a\n- {role: user, content: '{{a}}'}", "2:16 placeholder: a is a variable"),
    "optional what": ("- {placeholder: a, optional: maybe}", "2:30 not_boolean"),
    "unknown key": (
        "- {placeholder: a, option: true}",
        "2:20 unknown_key: unknown key 'option' (did you mean",
    ),
}


@pytest.mark.parametrize(("entries", "words"), PLACEHOLDERS.values(), ids=PLACEHOLDERS)
def test_an_odd_placeholder(entries: str, words: str) -> None:
    """With its place."""
    assert any(finding.startswith(words) for finding in said(f"messages:\n{entries}\n"))


def test_a_declared_variable_is_no_placeholder() -> None:
    """Even where no text uses it."""
    text = "variables: [history]\nmessages:\n- placeholder: history\n- {role: user, content: a}\n"
    assert any(finding.startswith("3:16 placeholder: history is a variable, too") for finding in said(text))


def test_of_two_placeholders_the_first_is_refused_first() -> None:
    """In whatever order the names are hashed, so that every registry tells the same."""
    places = "".join(f"- placeholder: p{n}\n" for n in range(20))
    with pytest.raises(DocumentInvalid) as caught:
        parse(f"variables: [{', '.join(f'p{n}' for n in range(20))}]\nmessages:\n{places}".encode(), PATH)
    assert caught.value.line == 3


def test_a_message_was_never_a_placeholder() -> None:
    """What was accepted before the key had a meaning is read as it was."""
    text = "messages:\n- {role: user, content: a, placeholder: b}\n"
    assert read(text)["messages"] == [{"role": "user", "content": "a"}]


TOOLS = {
    "no list": ("{type: function}", "1:8 tools: tools must be a list, so it is not read; write"),
    "no mapping": ("[a]", "1:9 tools: this is no tool, so none is read; write"),
    "no function": ("[{type: function}]", "1:9 tools: this is no tool"),
    "another type": ("[{type: web, function: {name: a}}]", "1:9 tools: this is no tool"),
    "no name": ("[{type: function, function: {}}]", "1:9 tools: this is no tool"),
    "parameters": (
        "[{type: function, function: {name: a, parameters: x}}]",
        "1:58 tools: parameters must be",
    ),
    "strict": (
        "[{type: function, function: {name: a, strict: 1}}]",
        "1:54 tools: strict must be true or false",
    ),
}


@pytest.mark.parametrize(("written", "words"), TOOLS.values(), ids=TOOLS)
def test_tools_that_are_not_read(written: str, words: str) -> None:
    """The version is served as it was before tools were read."""
    text = f"tools: {written}\n" + message("a")
    document = read(text)

    assert any(finding.startswith(words) for finding in said(text)), said(text)
    assert "edition" not in document
    assert set(document["extra"]) == {"tools"}


def test_odd_tools_are_offered_all_the_same() -> None:
    """What only some APIs refuse."""
    text = "tools: [{type: function, function: {name: a b}}, {type: function, function: {name: a b}}]\n"
    found = said(text + message("a"))

    assert [finding.partition(": ")[0] for finding in found] == ["1:43 tools", "1:50 tools", "1:84 tools"]
    assert len(read(text + message("a"))["tools"]) == 2


@pytest.mark.parametrize(
    ("choice", "read_as"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("{type: function, function: {name: a}}", {"type": "function", "function": {"name": "a"}}),
        ("{type: function, function: {name: b}}", None),
        ("always", None),
        ("[auto]", None),
        ("1", None),
    ],
)
def test_the_choice_of_a_tool(choice: str, read_as: object) -> None:
    """One of three words, or one of the tools."""
    tools = "tools: [{type: function, function: {name: a}}]\n"
    document = read(f"{tools}toolChoice: {choice}\n" + message("a"))
    alone = f"toolChoice: {choice}\n" + message("a")

    assert document["tool_choice"] == read_as
    assert ("toolChoice" in document["extra"]) is (read_as is None)
    assert said(alone)[0].startswith("1:13 tools: toolChoice is not read: there are no tools")
    assert "edition" not in read(alone)
