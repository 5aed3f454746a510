"""Prompt files: what they mean, and where they are wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptstage.model import Message, Variable, dump_document
from registry.catalog.parsing.document import check, parse
from registry.errors import DocumentInvalid

PATH = "prompts/support/triage.prompt.yml"
FULL = """\
name: Summarize
description: Summarize a support thread for an agent
model: openai/gpt-5-mini
modelParameters: {temperature: 0.2, maxTokens: 300}
responseFormat: text
variables:
  - {name: text, required: true}
  - {name: tone, required: false, default: neutral, description: how it should sound}
messages:
  - role: system
    content: You summarize support threads. Tone {{tone}}.
  - role: user
    content: "{{text}}"
testData: [{text: hello}]
evaluators: [{name: short, string: {contains: x}}]
metadata: {owner: support-platform}
"""
MESSAGES = "messages:\n- {role: user, content: hi}\n"


def read(text: str) -> dict[str, Any]:
    """The document of a file, as JSON."""
    return dump_document(parse(text.encode(), PATH).document)


def test_a_whole_file() -> None:
    """The example of the design, as the contract writes it."""
    assert read(FULL) == {
        "title": "Summarize",
        "description": "Summarize a support thread for an agent",
        "model": "openai/gpt-5-mini",
        "parameters": {"temperature": 0.2, "maxTokens": 300},
        "response_format": "text",
        "json_schema": None,
        "variables": [
            {"name": "text", "required": True, "default": None, "description": ""},
            {"name": "tone", "required": False, "default": "neutral", "description": "how it should sound"},
        ],
        "messages": [
            {"role": "system", "content": "You summarize support threads. Tone {{tone}}."},
            {"role": "user", "content": "{{text}}"},
        ],
        "metadata": {"owner": "support-platform"},
        "extra": {},
    }
    assert check(FULL.encode(), PATH) == []


def test_a_file_of_messages_alone() -> None:
    """The title is the name's last part; the placeholders are the variables, all required."""
    document = parse(b"messages:\n- {role: User, content: '{{b}} {{a}} {{b}}'}\n", PATH).document

    assert document.title == "triage"
    assert document.model == ""
    assert document.messages == (Message("user", "{{b}} {{a}} {{b}}"),)
    assert document.variables == tuple(
        Variable(name, required=True, default=None, description="") for name in ("b", "a")
    )


def test_unknown_keys_are_kept() -> None:
    """Real repositories have them: a warning with its place, and the value in `extra`."""
    parsed = parse(f"{MESSAGES}config:\n  deep: [1, null]\n".encode(), PATH)

    assert parsed.document.extra == {"config": {"deep": [1, None]}}
    assert [(w.line, w.column, w.code) for w in parsed.warnings] == [(3, 1, "unknown_key")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("0x10", "0x10"),
        ("010", "010"),
        ("~", "~"),
        ("TRUE", "TRUE"),
        (".inf", ".inf"),
        ("1_000", "1_000"),
        ("true", True),
        ("null", None),
        ("", None),
        ("-12", -12),
        ("1.5e3", 1500.0),
        ("'1'", "1"),
        ("<<", "<<"),
    ],
)
def test_scalars_are_those_of_json(written: str, meant: object) -> None:
    """What YAML would turn into something else stays text."""
    value = read(f"{MESSAGES}metadata:\n  value: {written}\n")["metadata"]["value"]

    assert (value, type(value)) == (meant, type(meant))


SCHEMA = {"name": "animal", "schema": {"type": "object"}}


@pytest.mark.parametrize("written", [repr(json.dumps(SCHEMA)), json.dumps(SCHEMA)])
def test_a_schema_is_text_or_a_mapping(written: str) -> None:
    """GitHub's files hold JSON as text; a mapping is more natural in YAML."""
    document = read(f"{MESSAGES}responseFormat: json_schema\njsonSchema: {written}\n")

    assert (document["response_format"], document["json_schema"]) == ("json_schema", SCHEMA)


ERRORS = {
    "broken YAML": ("messages:\n  - role: user\n   content: x\n", 3, 4, "yaml"),
    "tab": ("messages:\n\t- role: user\n", 2, 1, "yaml"),
    "control character": ("name: a\nmodel: \x07\n", 2, 8, "yaml"),
    "duplicate key": (f"{MESSAGES}name: a\nmodel: b\nname: c\n", 5, 1, "duplicate_key"),
    "anchor": (f"name: &a x\n{MESSAGES}", 1, 7, "anchor"),
    "alias": (f"{MESSAGES}name: *a\n", 3, 7, "alias"),
    "tag": (f"name: !!str 1\n{MESSAGES}", 1, 7, "tag"),
    "python tag": (f"name: !!python/object/apply:os.system [x]\n{MESSAGES}", 1, 7, "tag"),
    "two documents": (f"{MESSAGES}---\n{MESSAGES}", 3, 1, "documents"),
    "odd key": (f"{MESSAGES}metadata: {{[a]: b}}\n", 3, 12, "key"),
    "nested too deep": (f"{MESSAGES}metadata:\n  a: {'[' * 5000}\n", 4, 68, "too_deep"),
    "number too large": (f"{MESSAGES}metadata: {{a: 1e999}}\n", 3, 15, "number"),
    "integer too large": (f"{MESSAGES}metadata: {{a: {'9' * 5000}}}\n", 3, 15, "number"),
    "integer beyond any float": (f"{MESSAGES}metadata: {{a: {'9' * 400}}}\n", 3, 15, "number"),
    "too many values": (f"{MESSAGES}testData: [{'1, ' * 30_000}]\n", 3, 59_982, "too_many"),
    "NUL": ("name: a\nmodel: \0\n", 2, 8, "nul"),
    "escaped NUL": (f'{MESSAGES}name: "a\\0"\n', 3, 7, "nul"),
    "empty": ("", 1, 1, "empty"),
    "a list": ("- a\n", 1, 1, "not_a_mapping"),
    "300 KiB": (f"{MESSAGES}# {'x' * (300 << 10)}", 1, 1, "too_large"),
    "no messages": ("name: a\n", 1, 1, "no_messages"),
    "empty messages": ("name: a\nmessages: []\n", 2, 11, "no_messages"),
    "messages of text": ("messages: hello\n", 1, 11, "not_a_list"),
    "message of text": ("messages:\n  - hello\n", 2, 5, "not_a_mapping"),
    "unknown role": ("messages:\n  - role: robot\n    content: x\n", 2, 11, "unknown_role"),
    "no role": ("messages:\n  - content: x\n", 2, 5, "unknown_role"),
    "no content": ("messages:\n  - role: user\n", 2, 5, "no_content"),
    "empty content": ("messages:\n  - {role: user, content: ''}\n", 2, 27, "no_content"),
    "content of texts": ("messages:\n  - {role: user, content: [a]}\n", 2, 28, "part"),
    "content is a mapping": ("messages:\n  - {role: user, content: {a: b}}\n", 2, 27, "not_text"),
    "name is a number": (f"name: 5\n{MESSAGES}", 1, 7, "not_text"),
    "parameters of text": (f"modelParameters: hot\n{MESSAGES}", 1, 18, "not_a_mapping"),
    "unknown format": (f"responseFormat: xml\n{MESSAGES}", 1, 17, "response_format"),
    "no schema": (f"responseFormat: json_schema\n{MESSAGES}", 1, 17, "json_schema"),
    "bad schema": (f"jsonSchema: '{{'\n{MESSAGES}", 1, 13, "json_schema"),
    "schema with a surrogate": (f'jsonSchema: \'{{"a": "\\ud800"}}\'\n{MESSAGES}', 1, 13, "json_schema"),
    "schema with infinity": (f"jsonSchema: '{{\"a\": 1e999}}'\n{MESSAGES}", 1, 13, "json_schema"),
    "schema too deep": (f"jsonSchema: '{'[' * 100000}'\n{MESSAGES}", 1, 13, "json_schema"),
    "schema is a list": (f"jsonSchema: '[]'\n{MESSAGES}", 1, 13, "json_schema"),
    "variable name": (f"variables:\n  - name: 1a\n{MESSAGES}", 2, 11, "variable_name"),
    "required is no": (f"variables:\n  - {{name: a, required: no}}\n{MESSAGES}", 2, 25, "not_boolean"),
    "declared twice": (f"variables: [{{name: a}}, {{name: a}}]\n{MESSAGES}", 1, 24, "duplicate_variable"),
    "default is a list": (f"variables: [{{name: a, default: []}}]\n{MESSAGES}", 1, 32, "default"),
}


@pytest.mark.parametrize(("text", "line", "column", "code"), ERRORS.values(), ids=ERRORS)
def test_an_error_has_its_place(text: str, line: int, column: int, code: str) -> None:
    """Line and column count from 1, and the sentence ends with what to do."""
    found = [finding for finding in check(text.encode(), PATH) if finding.severity == "error"]

    assert (found[0].line, found[0].column, found[0].code) == (line, column, code)
    assert ";" in found[0].message


@pytest.mark.parametrize(("content", "column"), [(b"name: \xff\n", 7), ("name: é".encode("utf-16"), 1)])
def test_a_file_is_utf_8(content: bytes, column: int) -> None:
    """Another encoding is named as such, at its first byte."""
    finding = check(content, PATH)[0]

    assert (finding.line, finding.column, finding.code) == (1, column, "not_utf8")


PLACES = {
    "plain": ("content: a {{ok}} {{no}}", 4, 23),
    "after wide characters": ("content: é😀 {{no}}", 4, 17),
    "quoted": ('content: "a\\t\\"{{no}}"', 4, 20),
    "folded over lines": ("content: 'a\n      b {{no}}'", 5, 9),
    "literal block": ("content: |\n      a\n\n      b {{no}}\n", 7, 9),
    "folded block": ("content: >-\n      a\n      {{ok}}\n      b {{ no }}\n", 7, 9),
    "after an escaped one": ("content: \\{{no}} {{no}}", 4, 22),
    "windows lines": ("content: |\r\n      a\r\n      {{no}}\r\n", 6, 7),
}


@pytest.mark.parametrize(("content", "line", "column"), PLACES.values(), ids=PLACES)
def test_an_undeclared_placeholder_is_found_where_it_stands(content: str, line: int, column: int) -> None:
    """Also in blocks and quotes, where the value's lines are not those of the file."""
    text = f"variables: [{{name: ok}}]\nmessages:\n  - role: user\n    {content}"

    findings = [f for f in check(text.encode(), PATH) if f.severity == "error"]

    assert [(f.line, f.column, f.code) for f in findings] == [(line, column, "undeclared")]


def test_all_errors_at_once() -> None:
    """`check` spares the author a round for each; `parse` raises the first of the same list."""
    text = b"name: 5\nmessages:\n- {role: robot, content: '{{a}}'}\nvariables: []\nname: x\n"

    with pytest.raises(DocumentInvalid) as caught:
        parse(text, PATH)

    assert [f.code for f in check(text, PATH)] == ["unknown_role", "undeclared", "duplicate_key"]
    assert (caught.value.line, caught.value.column, caught.value.path) == (5, 1, PATH)
    assert caught.value.extra["problem"]["message"] == caught.value.message


def test_warnings_do_not_stop_a_version() -> None:
    """Odd placeholders, unused variables and idle defaults are said, and served."""
    text = (
        "variables: [{name: a}, {name: b, default: x, required: true}]\n"
        "messages:\n- {role: user, content: '{{b}} {{ if x }}', weight: 1}\n"
    )
    parsed = parse(text.encode(), PATH)

    assert sorted(w.code for w in parsed.warnings) == [
        "default_unused",
        "literal",
        "unknown_key",
        "unused_variable",
    ]
    assert str(parsed.warnings[0]).startswith("line 3, column 45: unknown key 'weight'")


ODDITIES = {
    "never closed": ("Dear {{ name, hello", "4:20 unclosed"),
    "closed by half": ("{{name} {{ok}}", "4:15 unclosed"),
    "escaped": ("\\{{name and {{{ok}}} and {a: {b: 1}}", None),
    "a filter": ("{{ ok | upper }}", "4:15 literal"),
    "Jinja": ("Hi {% if ok %}you{% endif %} {{ok}}", "4:18 logic"),
    "a share": ("{%d} of 5 {% {{ok}}", None),
}


@pytest.mark.parametrize(("text", "expected"), ODDITIES.values(), ids=ODDITIES)
def test_what_stays_as_it_is_is_told(text: str, expected: str | None) -> None:
    """Braces that are not closed, and what other template languages have."""
    found = check(f"variables:\nmessages:\n  - role: user\n    content: '{text}'\n".encode(), PATH)

    assert [f"{f.line}:{f.column} {f.code}" for f in found] == ([expected] if expected else [])


SHAPES = "write `- name: text`, or `text: what it is`, for each"


@pytest.mark.parametrize(
    ("variables", "text", "message"),
    [
        ("[text]", "{{text}} {{tone}}", "not declared, so required: tone; declare them here, too"),
        (
            "text",
            "{{text}}",
            f"this is not read, so all placeholders count; {SHAPES}",
        ),
        (
            "[{nmae: text}]",
            "{{text}}",
            f"this entry is not read; {SHAPES}",
        ),
        (
            "{text: 5}",
            "{{text}}",
            "this is no description, and is not read; if it is a default, write {default: ...}",
        ),
        (
            "{text: {default: []}}",
            "{{text}}",
            "a default must be one value; write text, a number, or true or false",
        ),
        (
            "{text: {}, user name: x}",
            "{{text}}",
            "this is no variable's name; use letters, digits, _ . and -, no digit first",
        ),
        ("[{name: text}]", "{text}", "no message uses text, as {text} is plain text; write {{text}}"),
    ],
)
def test_variables_misdeclared(variables: str, text: str, message: str) -> None:
    """One sentence, and none that only follows from it."""
    found = check(f"variables: {variables}\nmessages:\n- {{role: user, content: '{text}'}}\n".encode(), PATH)

    assert [finding.message for finding in found] == [message]


LISTED = "- {name: topic, description: what about}\n- {name: tone, required: false, default: warm}\n"


@pytest.mark.parametrize(
    "written",
    [
        "\n  topic: what about\n  tone: {required: false, default: warm, type: string}\n",
        "\n  topic: {description: what about}\n  tone: {default: warm}\n",
        "[{name: topic, description: what about}, {name: tone, default: warm, type: string}]\n",
    ],
)
def test_variables_in_three_shapes(written: str) -> None:
    """A mapping of names to a description or fields means what a list of mappings means."""
    messages = "messages:\n- {role: user, content: '{{topic}} {{tone}}'}\n"

    assert read(f"variables: {written}{messages}") == read(f"variables:\n{LISTED}{messages}")
    assert check(f"variables: {written}{messages}".encode(), PATH) == []


ODD_SHAPES = """\
[topic]
{topic: }
topic
5
true
[[topic]]
[{topic: about}]
[~]
{}
[topic, topic]
{topic: {required: maybe}}
{topic: [a]}
{type: object, properties: {topic: {type: string}}}
{topic: {name: topic}}
[topic, {name: topic, default: {}}]
[{name: topic}, topic]
{1: a, 'a b': c}
"""


@pytest.mark.parametrize("written", ODD_SHAPES.splitlines())
def test_no_other_shape_of_variables_is_an_error(written: str) -> None:
    """GitHub's readers ignore the key: the placeholders that are not declared are required."""
    parsed = parse(
        f"variables: {written}\nmessages:\n- {{role: user, content: '{{{{topic}}}}'}}\n".encode(), PATH
    )

    assert [v.required for v in parsed.document.variables if v.name == "topic"] == [True]
    assert {finding.severity for finding in parsed.warnings} <= {"warning"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r'"\ud83d\ude00"', "😀"),
        (r'"a \uD83D\uDE00\ud83d\ude01 \u00e9 b"', "a 😀😁 é b"),
        (r'"\\ud83d\\ude00 \\\ud83d\ude00"', "\\ud83d\\ude00 \\😀"),
        (r"'\ud83d\ude00'", r"\ud83d\ude00"),
        (r"\ud83d\ude00", r"\ud83d\ude00"),
    ],
)
def test_a_surrogate_pair_is_one_character(written: str, meant: str) -> None:
    """As JSON writes it, in double quotes alone; the rest of the file is read as it was."""
    file = (
        f'name: {written}\nmetadata: {{"\\ud83d\\ude00": "\ue000\\ue001", plain: \\ud83d\\ude02}}\n{MESSAGES}'
    )

    document = read(file)

    assert document["title"] == meant
    assert document["metadata"] == {"😀": "\ue000\ue001", "plain": r"\ud83d\ude02"}


def test_places_are_right_behind_a_surrogate_pair() -> None:
    """The parser reads a text of the same length."""
    text = 'messages:\n- {role: user, content: "\\ud83d\\ude00 {{a}}"}\nvariables: []\nname: []\n'

    assert [(f.line, f.column, f.code) for f in check(text.encode(), PATH)] == [
        (2, 39, "undeclared"),
        (4, 7, "not_text"),
    ]


@pytest.mark.parametrize("half", [r"\ud83d", r"\ude00", r"\ude00\ud83d", r"\ud83d \ude00", r"\U0000d83d"])
def test_half_a_surrogate_pair_is_an_error(half: str) -> None:
    """It stands for no character; a whole pair before it is no excuse."""
    (found,) = check(f'{MESSAGES}name: "\\ud83d\\ude00 {half}"\n'.encode(), PATH)

    assert (found.line, found.column, found.code) == (3, 21, "yaml")
    assert "write the other half of the surrogate pair" in found.message


USER = "messages:\n- role: user\n  content:"
OF_ANOTHER_KIND = {
    "a list": ("name: [a]\n" + MESSAGES, "1:7 name must be text; write one text in place of the list"),
    "keys": (f"{USER} {{a: 1}}\n", "3:12 content must be text; write one text in place of the keys"),
    "a number": ("name: 5\n" + MESSAGES, "1:7 name must be text; quote it"),
    "messages alone": (
        "- {role: user, content: hi}\n",
        "1:1 the file must be `key: value` pairs; write it below",
    ),
    "one message": (
        "messages: {role: user, content: hi}\n",
        "1:11 messages must be a list; begin each entry",
    ),
    "role as key": (
        "messages:\n- {user: hi, content: hi}\n",
        "2:3 a role is no key; write `role: user`, and the",
    ),
    "placeholder with a role": (
        "messages:\n- {placeholder: history, role: user}\n- {role: user, content: hi}\n",
        "2:32 a placeholder takes whole messages of the app, each with a role of its own; remove `role:`",
    ),
    "Git LFS": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "1:1 this is a pointer of Git LFS",
    ),
    "NUL": ('name: "a\0"\n' + MESSAGES, "1:9 there is a NUL character; remove it"),
}


@pytest.mark.parametrize(("text", "said"), OF_ANOTHER_KIND.values(), ids=OF_ANOTHER_KIND)
def test_what_is_of_another_kind_comes_with_its_remedy(text: str, said: str) -> None:
    """Quotes alone make no text of a list, and a conversion is not what a stray NUL needs."""
    (finding,) = check(text.encode(), PATH)

    assert f"{finding.line}:{finding.column} {finding.message}".startswith(said)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_another_encoding_is_told(encoding: str) -> None:
    """With or without a mark at the beginning."""
    (finding,) = check(f"name: Caf\u00e9\n{MESSAGES}".encode(encoding), PATH)

    assert (finding.code, finding.message.endswith("save the file as UTF-8")) == ("not_utf8", True)


def test_a_hostile_text_is_searched_in_linear_time() -> None:
    """A search that tried all ends for all beginnings would take minutes."""
    for odd in ("{{" + "a" * 200_000, "{{a" * 60_000, "{% if " * 40_000, "{{ " * 80_000):
        parse(f"messages:\n- {{role: user, content: '{odd}'}}\n".encode(), PATH)


def test_a_hostile_file_is_refused_quickly() -> None:
    """Findings are bounded, however many there are."""
    text = "variables: []\nmessages:\n- role: user\n  content: hi " + "".join(
        f"{{{{a{i}}}}}" for i in range(20_000)
    )

    assert len(check(text.encode(), PATH)) == 100


REMEDIES = {
    "tab before a dash": ("messages:\n\t- role: user\n", "2:1 there is a tab; indent with spaces"),
    "tab before a key": ("messages:\n  - role: user\n\tcontent: x\n", "3:1 found a tab character that"),
    "conflict": ("name: a\n<<<<<<< HEAD\nmodel: b\n=======\nmodel: c\n>>>>>>> x\n", "2:1 a merge conflict"),
    "line separator": (
        "messages:\n- {role: user}\n- content: |\n    a\u2028b\n",
        "4:6 an invisible character",
    ),
    "code fence": ("```yaml\nmessages: 3\n```\n", "1:1 a value cannot begin with '`'; quote the text"),
    "quotes in a quoted text": ('name: "Say "hi" to them"\n', "1:13 did not find expected key; indent the"),
    "apostrophe": ("name: 'Don't'\n", "1:12 did not find expected key; indent the"),
    "emphasis": ("name: *bold* text\n", "1:12 did not find expected alphabetic or numeric character; quote"),
    "open bracket": ("name: [a\nmodel: b\n", "2:6 did not find expected ',' or ']'; close the ["),
    "pattern": ('name: "\\d"\n', "1:8 found unknown escape character; double the backslash"),
    "dash without space": ("messages:\n  -role: user\n   content: x\n", "3:11 mapping values are not"),
    "unclosed bracket at the end": (
        "messages: [\n",
        "2:1 did not find expected node content; close the [ or {",
    ),
    "text beside the mark": (
        "messages:\n- role: user\n  content: |hi\n",
        "3:13 did not find expected comment or line break; begin the text in the line below",
    ),
    "dash": ("name: - a\n", "1:7 block sequence entries are not allowed in this context; quote a text that"),
    "question mark": (
        "name: ? a\n",
        "1:7 mapping keys are not allowed in this context; quote a text that begins",
    ),
    "exclamation mark": ("name: !a!b c\n", "1:7 found undefined tag handle; quote a text that begins with !"),
    "rule in a quoted text": (
        'name: "a\n---\nb"\n',
        "2:1 found unexpected document indicator; indent a line",
    ),
    "escape of a path": ('name: "C:\\xyz"\n', "1:12 did not find expected hexdecimal number; double the"),
    "first key further right": (
        "  name: a\nmodel: b\n",
        "2:1 did not find expected <document start>; begin all",
    ),
    "directive": (
        "%FOO\n---\nname: a\n",
        "1:5 found unknown directive name; remove the line that begins with %",
    ),
    "no-break space": (
        "messages:\n\xa0\xa0- role: user\n    content: x\n",
        "2:1 a blank that is no plain space indents this line",
    ),
    "full-width colon": (
        "messages:\n  - role\uff1a user\n    content: x\n",
        "2:9 this is a full-width colon",
    ),
    "curly quotes": (
        "messages:\n  - {role: user, content: \u201chi {{text}}\u201d}\n",
        "2:27 this quotation mark is text to YAML",
    ),
    "less indented": ("messages:\n  - role: user\n  content: x\n", "3:3 did not find expected '-' indicator"),
}


@pytest.mark.parametrize(("text", "said"), REMEDIES.values(), ids=REMEDIES)
def test_broken_yaml_comes_with_its_remedy(text: str, said: str) -> None:
    """Where libyaml's words leave an author alone."""
    (finding,) = check(text.encode(), PATH)

    assert f"{finding.line}:{finding.column} {finding.message}".startswith(said)
    assert "correct the YAML here" not in finding.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "m\u043edel: x\n" + MESSAGES,
            "(did you mean model? CYRILLIC SMALL LETTER O is no letter of a to z)",
        ),
        ("messages:\n- {role: user, content: '{{t\u0435xt}}'}\n", "{{name}}; CYRILLIC SMALL LETTER IE is no"),
        (
            "template: mustache\nmessages:\n- {role: user, content: '{{t\u0435xt}}'}\n",
            "; CYRILLIC SMALL LETTER IE is no letter of a to z",
        ),
    ],
)
def test_a_letter_that_looks_like_another_is_named(text: str, said: str) -> None:
    """Without its name the message would show twice the same."""
    (finding,) = check(text.encode(), PATH)

    assert said in finding.message
