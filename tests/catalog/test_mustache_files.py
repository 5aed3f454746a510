"""Prompt files with `template: mustache`: their documents, their variables, and where they are wrong."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from promptstage.model import dump_document
from registry.catalog import diff
from registry.catalog.mirror.tag_info import TagInfo
from registry.catalog.parsing.bump import reasons
from registry.catalog.parsing.document import check, parse
from registry.catalog.version import Version, unread, with_content
from registry.errors import DocumentInvalid

PATH = "prompts/answer.prompt.yml"
FILE = """\
template: mustache
messages:
- role: system
  content: |
    Answer in a {{tone}} tone.
    {{#contexts}}
    - {{title}}: {{text}} ({{user.name}})
    {{/contexts}}
    {{^contexts}}
    Say that you know nothing.
    {{/contexts}}
- {role: user, content: "{{question}}"}
"""


def file(text: str, variables: str = "") -> str:
    """A file in Mustache of one message."""
    head = "template: mustache\n" + (f"variables: {variables}\n" if variables else "")
    return f"{head}messages:\n- role: user\n  content: {text}\n"


def read(text: str) -> dict[str, Any]:
    """The document of a file, as JSON."""
    return dump_document(parse(text.encode(), PATH).document)


def variables(text: str) -> list[tuple[str, bool]]:
    """The name of each variable, and whether it is required."""
    return [(variable["name"], variable["required"]) for variable in read(text)["variables"]]


def said(text: str) -> list[str]:
    """Each finding with its place and code."""
    return [f"{f.line}:{f.column} {f.code}: {f.message}" for f in check(text.encode(), PATH)]


def version(number: str, text: str) -> Version:
    """A version of a file."""
    return with_content(unread("answer", number, TagInfo(commit="c0ffee")), text.encode())


def test_a_document_of_the_second_edition() -> None:
    """A client that does not know it finds no `content`, and refuses the release."""
    found = read(FILE)

    assert (found["edition"], found["language"], found["portable"]) == (2, "mustache", False)
    assert [list(message) for message in found["messages"]] == [["role", "template"]] * 2
    assert found["messages"][1]["template"] == "{{question}}"
    assert found["extra"] == {}
    assert said(FILE) == []


def test_a_document_of_the_first_edition_has_no_new_key() -> None:
    """Whatever else is in its file."""
    found = read(FILE.replace("template: mustache\n", ""))

    assert not {"edition", "language", "portable"} & found.keys()
    assert [list(message) for message in found["messages"]] == [["role", "content"]] * 2


def test_what_is_portable() -> None:
    """Text that says the same to who knows `{{name}}` alone."""
    assert read(file("Summarize {{text}}"))["portable"] is True
    assert read(file("Summarize {{{text}}}"))["portable"] is False


def test_an_unknown_language_is_a_warning() -> None:
    """As the key was ignored once, such a file keeps its document, with the `extra` that holds it."""
    text = file("Summarize {{text}} {{#a}}").replace("mustache", "jinja2")
    plain = read(text.replace("template: jinja2\n", ""))

    assert read(text) == plain | {"extra": {"template": "jinja2"}}
    assert said(text)[0].startswith("1:11 template: this template language is unknown")
    assert "or write `template: mustache` beside `messages:`" in said(text)[1]


def test_variables_are_what_the_texts_name() -> None:
    """Outside of sections they are required, sections are optional, and in them names may be an item's."""
    assert variables(FILE) == [("tone", True), ("contexts", False), ("question", True)]
    assert variables(file('"{{#a}}{{b}}{{/a}} {{c.d}} {{a}}"')) == [("a", True), ("c.d", True)]


def test_declared_variables() -> None:
    """Each name outside of sections must be among them, or its first part."""
    text = '"{{#items}}{{title}}{{/items}} {{user.name}}"'

    assert variables(file(text, "[{name: items}, {name: user}]")) == [("items", False), ("user", True)]
    assert variables(file(text, "[{name: items, required: true}, {name: user.name}]")) == [
        ("items", True),
        ("user.name", True),
    ]
    assert variables(file(text, "[items, user]")) == [("items", False), ("user", True)]
    assert variables(file(text, "{items: the list, user: {required: false}}")) == [
        ("items", False),
        ("user", False),
    ]
    assert said(file(text, "[{name: items}, {name: user}, {name: title}]")) == []


def test_undeclared_names() -> None:
    """A strict list finds a typing error, also in the name of a section; the other shapes warn."""
    text = '"{{#itmes}}x{{/itmes}} {{txt}}"'

    assert said(file(text, "[{name: items}, {name: text}]")) == [
        "2:13 unused_variable: no message uses items; write {{items}} in one, or remove it here",
        "2:28 unused_variable: no message uses text; write {{text}} in one, or remove it here",
        "5:13 undeclared: {{#itmes}} is not among the variables; did you mean items?",
        "5:35 undeclared: {{txt}} is not among the variables; did you mean text?",
    ]
    assert said(file('"{{a}} {{b}} {{#c}}{{/c}}"', "[a]")) == [
        "2:12 variables: not declared, so required: b; declare them here, too",
        "2:12 variables: not declared, so optional: c; declare them here, too",
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('"Hi {{name"', "4:16 unclosed_tag", "'{{name' is not closed; write }} after it"),
        ('"{{a}} {{#a}} b"', "4:19 section", "{{#a}} is not closed; write {{/a}}"),
        ("|\n    {{#a}}\n    {{#b}}\n    x {{/a}}", "7:7 section", "{{/a}} is in the section {{#b}}"),
        ("|\n    x\n    {{/a}}", "6:5 section", "{{/a}} closes nothing"),
        ("|\n    {{=<% %>=}}", "5:5 unknown_tag", "sets delimiters"),
        ('|\n    {{"json": 1}}', "5:5 unknown_tag", r"or \{{ if it is no tag"),
        ("|\n    {{#a}}{{.}}{{/a}}{{.}}", "5:22 unknown_tag", "there is none"),
    ],
)
def test_a_mistake_has_its_place(text: str, place: str, words: str) -> None:
    """It is the one finding, and makes the file invalid."""
    (found,) = said(file(text))
    with pytest.raises(DocumentInvalid) as caught:
        parse(file(text).encode(), PATH)

    assert found.startswith(f"{place}: ")
    assert words in found
    assert f"{caught.value.line}:{caught.value.column}" == place.split(maxsplit=1)[0]


def test_no_number_of_warnings_hides_a_mistake() -> None:
    """A message that cannot be read must not be left out in silence."""
    odd = "- {role: user, content: '{% if a %}'}\n" * 200
    text = f"template: mustache\nmessages:\n{odd}- {{role: user, content: '{{{{#a}}}}'}}\n"

    with pytest.raises(DocumentInvalid, match="is not closed"):
        parse(text.encode(), PATH)


def test_a_mistake_says_nothing_of_variables() -> None:
    """Those of a text that cannot be read may well be used in it."""
    assert len(said(file('"{{#a}}{{b}}"', "[{name: a}, {name: b}]"))) == 1


def test_logic_of_other_languages_is_a_warning() -> None:
    """With what this one has for it."""
    (found,) = said(file('"{% if a %}"'))

    assert found.startswith("4:13 logic: ")
    assert "write a section" in found


def test_the_digest_is_that_of_the_bytes() -> None:
    """As of any file."""
    assert version("1.0.0", FILE).digest == f"sha256:{sha256(FILE.encode()).hexdigest()}"


def test_a_difference_of_editions() -> None:
    """It names what is new, too."""
    old, new = (
        version("1.0.0", file('"{{#a}}"').replace("template: mustache\n", "")),
        version("1.1.0", FILE),
    )

    assert diff.diff(old, new)["changed"] == ["variables", "messages", "edition", "language", "portable"]
    assert diff.diff(new, old)["changed"] == ["variables", "messages", "edition", "language", "portable"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{{a}}", "{{#a}}{{b}}{{/a}}", ("major", "takes as a section what was text: a")),
        ("{{#a}}{{b}}{{/a}}", "{{a}}", ("major", "takes as text what was a section: a")),
        ("{{#a}}x{{/a}}", "{{#a}}x {{a}}{{/a}}", ("major", "takes as text what was a section: a")),
    ],
)
def test_text_that_turns_into_a_section_is_major(old: str, new: str, expected: tuple[str, str]) -> None:
    """And the other way round: an app passes another kind of value."""
    before, after = (parse(file(f'"{text}"').encode(), PATH).document for text in (old, new))

    assert tuple(expected) in [(reason.part, reason.words) for reason in reasons(before, after)]


def test_another_language_is_minor() -> None:
    """The variables are the same, but older clients cannot read it."""
    new = file('"{{a}}"')
    before, after = (parse(text.encode(), PATH).document for text in (new.partition("\n")[2], new))

    words = "is written in Mustache instead of plain placeholders"
    assert ("minor", words) in [(reason.part, reason.words) for reason in reasons(before, after)]


def test_a_hostile_file_is_read_in_a_moment() -> None:
    """Thousands of variables and names, sections, escapes and blanks: no work is done twice."""
    names = "".join(f"{{{{v{n}.x}}}}" for n in range(5000))
    declared = "[" + ", ".join(f"{{name: v{n}}}" for n in range(5000)) + "]"
    texts = {names: declared, "{{#a}}{{/a}}" * 10_000: "", "\\\\{{" * 60_000: "", "{{" + " " * 200_000: ""}
    for text, variables in texts.items():
        assert len(said(file(f'"{text}"', variables))) <= 1
