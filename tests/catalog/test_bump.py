"""How far a version has to rise."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from support import prompt

from registry.catalog.parsing import bump, lines
from registry.catalog.parsing.document import parse

OLD = """\
name: Summarize
model: openai/gpt-5-mini
modelParameters: {temperature: 0.2}
responseFormat: text
variables:
  - {name: text, required: true}
  - {name: tone, required: false, default: neutral}
messages:
  - {role: user, content: "{{text}} {{tone}}"}
"""
OPTIONAL = "  - {name: tone, required: false, default: neutral}\n"
CHANGES = {
    "a new required variable": (
        ("messages:", "  - {name: audience, required: true}\nmessages:"),
        ("major", "requires a new variable: audience"),
    ),
    "a variable is gone": ((OPTIONAL, ""), ("major", "removes a variable: tone")),
    "an optional one is required": (
        (OPTIONAL, "  - {name: tone, required: true}\n"),
        ("major", "requires what was optional: tone"),
    ),
    "another format": (
        ("responseFormat: text", "responseFormat: json_object"),
        ("major", "answers in json_object instead of text"),
    ),
    "a new optional variable": (
        ("messages:", "  - {name: length, required: false}\nmessages:"),
        ("minor", "takes a new optional variable: length"),
    ),
    "a required one is optional": (
        ("{name: text, required: true}", "{name: text, required: false}"),
        ("minor", "makes optional what was required: text"),
    ),
    "another model": (("gpt-5-mini", "gpt-5"), ("minor", "uses openai/gpt-5 instead of openai/gpt-5-mini")),
    "a schema": (("responseFormat: text", "jsonSchema: {}"), ("minor", "answers by another JSON schema")),
    "another default": (("neutral", "warm"), ("patch", "changes a default: tone")),
    "parameters": (("0.2", "0.3"), ("patch", "changes the model's parameters")),
    "another text": (('content: "', 'content: "Please: '), ("patch", "changes the text of its messages")),
    "another title": (("Summarize", "In short"), ("patch", "describes itself in other words")),
}


def reasons(change: tuple[str, str]) -> list[bump.Reason]:
    """What differs after a change of the file."""
    new = OLD.replace(*change)
    if "tone" not in new.partition("messages:")[0]:
        new = new.replace(" {{tone}}", "")
    return bump.reasons(parse(OLD.encode(), "").document, parse(new.encode(), "").document)


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_a_change_calls_for_a_part(change: tuple[str, str], reason: tuple[str, str]) -> None:
    """The first of the reasons is the gravest, in words."""
    assert reasons(change)[0][:2] == reason


def test_the_gravest_difference_decides() -> None:
    """The part that is needed is that of the gravest difference; none at all is a patch."""
    all_three = [bump.Reason("patch", "a"), bump.Reason("major", "b"), bump.Reason("minor", "c")]

    assert bump.needed(all_three, "1.0.0") == "major"
    assert bump.needed(all_three[2:], "1.0.0") == "minor"
    assert bump.needed([], "1.0.0") == "patch"


def test_below_1_0_0_each_part_counts_one_less() -> None:
    """SemVer promises nothing there, and by custom the minor part is what breaks."""
    assert bump.needed([bump.Reason("major", "a")], "0.3.1") == "minor"
    assert bump.needed([bump.Reason("minor", "a")], "0.3.1") == "patch"


@pytest.mark.parametrize(
    ("version", "part", "enough"),
    [
        ("1.2.4", "patch", True),
        ("1.2.4", "minor", False),
        ("1.3.0", "minor", True),
        ("1.9.9", "major", False),
        ("2.0.0", "major", True),
        ("2.0.0-rc.1", "major", True),
        ("1.2.2", "patch", False),
    ],
)
def test_whether_a_version_is_far_enough(version: str, part: bump.Part, enough: bool) -> None:
    """More than enough is an author's right."""
    assert bump.is_enough("1.2.3", version, part) is enough


def test_the_same_document_has_no_reason() -> None:
    """Comments and the order of keys mean nothing."""
    new = "# a comment\n" + OLD

    assert bump.reasons(parse(OLD.encode(), "").document, parse(new.encode(), "").document) == []


def between(old: str, new: str) -> list[tuple[str, str, int | None]]:
    """What differs between two files, with the lines of the new one."""
    before, after = (parse(text.encode(), "").document for text in (old, new))
    found = bump.reasons(before, after, lines.finder(new.encode()))
    return [(reason.part, reason.words, reason.line) for reason in found]


SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "required": ["id"],
    "$defs": {"item": {"type": "object", "properties": {"price": {"type": "number"}}}},
}


def answering(schema: object, *, text: bool = False, wrapped: bool = False) -> str:
    """A prompt with a JSON Schema, as a mapping or as text, by itself or with a name."""
    shown = json.dumps({"name": "n", "schema": schema} if wrapped else schema, indent=1)
    written = shown.replace("\n", "\n  ")
    return f"responseFormat: json_schema\njsonSchema:{' |' if text else ''}\n  {written}\n{prompt()}"


def with_property(name: str, value: object, *, required: bool = False, into: str = "") -> dict[str, Any]:
    """The schema with another property, of the answer or of its items."""
    made = copy.deepcopy(SCHEMA)
    place: Any = made["$defs"]["item"] if into else made  # type: ignore[index]
    place["properties"][name] = value
    if required:
        place["required"] = [*place.get("required", []), name]
    return made


def without(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The schema without a property of the answer."""
    return {
        **schema,
        "properties": {key: value for key, value in schema["properties"].items() if key != name},
    }


TEXT = {"type": "string"}


@pytest.mark.parametrize("form", [{}, {"text": True}, {"text": True, "wrapped": True}], ids=str)
@pytest.mark.parametrize(
    ("schema", "part", "words", "line"),
    [
        (without(SCHEMA, "id"), "major", "removes a property of its answer: id", None),
        (without(SCHEMA, "items"), "major", "removes a property of its answer: items", None),
        (
            without(with_property("key", TEXT), "id"),
            "major",
            "renames a property of its answer: id to key",
            '"key"',
        ),
        (
            with_property("a", TEXT, required=True),
            "major",
            "requires a new property in its answer: a",
            '"a": {',
        ),
        (
            with_property("a", TEXT, required=True, into="item"),
            "major",
            "requires a new property in its answer: items[].a",
            '"a": {',
        ),
        (
            with_property("id", {"type": "integer"}),
            "major",
            "changes the type of a property of its answer: id",
            '"id": {',
        ),
        (with_property("a", TEXT), "minor", "takes a new optional property into its answer: a", '"a": {'),
        ({**SCHEMA, "title": "An order"}, "minor", "answers by another JSON schema", "jsonSchema"),
        ({**SCHEMA, "required": []}, "minor", "answers by another JSON schema", "jsonSchema"),
    ],
)
def test_a_change_of_the_answer(
    schema: object, part: str, words: str, line: str | None, form: dict[str, bool]
) -> None:
    """What an app reads of an answer may not go, nor change; the reason names its line in the new file."""
    new = answering(schema, **form)
    at = (
        None
        if line is None
        else next(
            n
            for n, text in enumerate(new.splitlines(), 1)
            if line in text and text != "responseFormat: json_schema"
        )
    )

    assert between(answering(SCHEMA, **form), new) == [(part, words, at)]


def test_a_property_that_moves_to_the_definitions_is_the_same() -> None:
    """A reference is followed, also one that leads in a circle."""
    inline = copy.deepcopy(SCHEMA)
    inline["properties"]["items"]["items"] = inline["$defs"]["item"]  # type: ignore[index]
    circle = with_property("parent", {"$ref": "#"})

    assert between(answering(SCHEMA), answering(inline)) == [("minor", "answers by another JSON schema", 2)]
    assert between(answering(circle), answering(circle)) == []


def test_a_schema_that_repeats_itself_without_end_takes_no_time() -> None:
    """Definitions that refer to the next one twice would be a million of schemas."""
    defs = {f"d{n}": {"properties": {k: {"$ref": f"#/$defs/d{n + 1}"} for k in "ab"}} for n in range(40)}
    begun = time.perf_counter()
    between(
        answering({"$ref": "#/$defs/d0", "$defs": defs}), answering({"$ref": "#/$defs/d1", "$defs": defs})
    )

    assert time.perf_counter() - begun < 5


def tools(*functions: str) -> str:
    """A prompt with tools."""
    return (
        "tools:\n" + "".join(f"  - {{type: function, function: {each}}}\n" for each in functions) + prompt()
    )


FIND = "{name: find, parameters: {type: object, properties: {q: {type: string}}}}"
SEND = "{name: send}"


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ((FIND,), ("major", "removes a tool: send", None)),
        ((FIND, "{name: post}"), ("major", "renames a tool: send to post", 3)),
        ((FIND, SEND, "{name: stop}"), ("minor", "offers a new tool: stop", 4)),
        (
            (FIND.replace("}}}}", "}, n: {type: number}}, required: [n]}}"), SEND),
            ("major", "requires a new parameter of the tool find: n", 2),
        ),
        (
            (FIND.replace("}}}}", "}, n: {type: number}}}}"), SEND),
            ("minor", "changes the parameters of a tool: find", 2),
        ),
        ((FIND, "{name: send, description: x}"), ("patch", "describes a tool in other words: send", 3)),
    ],
)
def test_a_change_of_tools(new: tuple[str, ...], reason: tuple[str, str, int | None]) -> None:
    """An app answers the tools that it knows, with the parameters that it knows."""
    assert between(tools(FIND, SEND), tools(*new)) == [reason]


HISTORY = "  - {placeholder: history, optional: true}\n"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("", HISTORY.replace(", optional: true", ""), ("major", "requires a new placeholder: history", 4)),
        ("", HISTORY, ("minor", "takes a new optional placeholder: history", 4)),
        (HISTORY, "", ("major", "removes a placeholder: history", None)),
        (HISTORY, HISTORY.replace("true", "false"), ("major", "requires what was optional: history", 4)),
        (
            HISTORY.replace("true", "false"),
            HISTORY,
            ("minor", "makes optional what was required: history", 4),
        ),
    ],
)
def test_placeholders_count_like_variables(old: str, new: str, reason: tuple[str, str, int | None]) -> None:
    """An app gives them."""
    assert between(prompt() + old, prompt() + new)[0] == reason


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (OLD, OLD.replace("messages:", "  - {name: audience}\nmessages:"), 8),
        (OLD, OLD.replace("required: false, default: neutral", "required: true"), 7),
        (OLD, OLD.replace("gpt-5-mini", "gpt-5"), 2),
        (OLD, OLD.replace("0.2", "0.3"), 3),
        (OLD, OLD.replace("text\n", "json_object\n", 1), 4),
        (OLD, OLD.replace(' {{tone}}"', ' {{tone}}!"'), 9),
        (prompt("a"), prompt("a {{b}}"), 3),
        (prompt("a"), "variables: [b]\n" + prompt("a {{b}}"), 1),
        (prompt("a"), "variables:\n  b: the second\n" + prompt("a {{b}}"), 2),
        (prompt("a {{b}}"), prompt("a"), None),
    ],
)
def test_a_reason_names_its_line(old: str, new: str, line: int | None) -> None:
    """Of the new file: where a variable is declared, or used first, or what else has changed."""
    assert between(old, new)[0][2] == line
