"""What `check` says of parameters, schemas and types, and never holds against a version that was tagged."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from support import prompt

from registry.catalog.parsing import document, json_schema, lint
from registry.catalog.parsing.strict_yaml import SIZE_LIMIT


def found(text: str) -> list[tuple[str, int, int, str]]:
    """Code, line, column and message of each finding."""
    return [(f.code, f.line, f.column, f.message) for f in lint.check(text.encode(), "")]


@pytest.mark.parametrize(
    ("parameter", "code", "words"),
    [
        ("temperature: 2.5", "parameter", "temperature must be a number from 0 to 2, not 2.5"),
        ("temperature: -0.1", "parameter", "from 0 to 2"),
        ('temperature: "0.5"', "parameter", "not '0.5'; write one without quotes"),
        ("temperature: true", "parameter", "not true"),
        ("temperature: [1]", "parameter", "not a list"),
        ("top_p: 1.1", "parameter", "top_p must be a number from 0 to 1"),
        ("topP: 3", "parameter", "topP must be a number from 0 to 1"),
        ("frequencyPenalty: 3", "parameter", "from -2 to 2"),
        ("maxTokens: 0", "parameter", "maxTokens must be a whole number from 1 on, not 0"),
        ("max_completion_tokens: 1.5", "parameter", "a whole number"),
        ("seed: high", "parameter", "seed must be a whole number, not 'high'"),
        ("stop: 3", "parameter", "stop must be a text, or a list of texts"),
        ("temprature: 1", "unknown_parameter", "did you mean temperature?"),
        ("max_tokn: 1", "unknown_parameter", "did you mean max_tokens?"),
        ("maxToken: 1", "unknown_parameter", "did you mean maxTokens?"),
        ("colour: red", "unknown_parameter", "remove it if it is none"),
    ],
)
def test_a_parameter_that_is_wrong(parameter: str, code: str, words: str) -> None:
    """It has its place: the value's, or the key's if that is unknown. The version is served all the same."""
    text = f"modelParameters:\n  {parameter}\n{prompt()}"
    column = 3 if code == "unknown_parameter" else 5 + parameter.index(":")
    ((*place, message),) = found(text)

    assert place == [code, 2, column]
    assert words in message
    assert document.parse(text.encode(), "").document.parameters


@pytest.mark.parametrize("name", ["temperature", "maxTokens", "other"])
def test_an_infinite_number_is_an_error_of_its_own(name: str) -> None:
    """No rule does arithmetic with it."""
    codes = [code for code, *_ in found(f"modelParameters: {{{name}: 1e400}}\n{prompt()}")]

    assert "number" in codes
    assert "parameter" not in codes


def test_one_parameter_in_two_spellings() -> None:
    """One of them has no effect, and which one depends on the provider."""
    assert found("modelParameters: {topP: 0.5, top_p: 0.6}\n" + prompt())[0][3].startswith(
        "top_p is topP once more"
    )


def test_parameters_that_are_right() -> None:
    """At their bounds, in any spelling, of any provider."""
    fine = {
        "temperature": 2, "top_p": 0, "topK": -1, "maxTokens": 1, "seed": -5, "stop": ["a"], "n": 1.0,
        "reasoning-effort": "low", "thinking": {"type": "enabled"}, "logitBias": {}, "presence_penalty": -2,
        "top_a": None,
    }  # fmt: skip

    assert found(f"modelParameters: {json.dumps(fine)}\n{prompt()}") == []


ASKED = "responseFormat: json_schema\n"


def schema(value: object, indent: int | None = None) -> str:
    """A file with a JSON Schema, as JSON in a mapping, or as text with an indentation."""
    if indent is None:
        return f"jsonSchema: {json.dumps(value)}\n{prompt()}{ASKED}"
    text = json.dumps(value, indent=indent).replace("\n", "\n  ")
    return f"jsonSchema: |\n  {text}\n{prompt()}{ASKED}"


@pytest.mark.parametrize("form", ["", "responseFormat: text\n", "responseFormat: json_object\n"])
def test_a_schema_that_no_model_gets(form: str) -> None:
    """The app would get free text, and nothing would say why."""
    assert found(schema({"type": "object"}).replace(ASKED, form)) == [
        (
            "unused_schema",
            1,
            13,
            "no model gets this schema; write `responseFormat: json_schema`, or remove it",
        )
    ]
    assert found(schema({"type": "object"})) == []


OBJECT = {"type": "object", "properties": {"a": {"type": "strng"}}}
BELOW = {"type": "object", "$defs": {"x": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/x"}}}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (schema(OBJECT), 1, 61),
        (schema(OBJECT, 2), 6, 17),
        (schema({"name": "n", "schema": OBJECT}, 2), 8, 19),
        ('jsonSchema: "{\\"type\\": \\"strng\\"}"\n' + prompt() + ASKED, 1, 13),
        (
            "tools:\n- type: function\n  function: {name: f, parameters: {type: strng}}\n" + prompt(),
            3,
            42,
        ),
    ],
)
def test_a_schema_has_its_place_in_the_file(text: str, line: int, column: int) -> None:
    """Also in JSON text, as far as it is written there as it is; the version is served."""
    (place,) = [finding for finding in found(text) if finding[0] == "schema"]

    assert place[1:3] == (line, column)
    assert place[3].endswith(
        "there is no type 'strng'; use array, boolean, integer, null, number, object or string"
    )
    assert document.parse(text.encode(), "")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"type": ["string", "nul"]}, "there is no type 'nul'"),
        ({"properties": {"a": {"type": "string", "required": True}}}, "list the names of properties beside"),
        ({"properties": ["a"]}, "write `name: {type: ...}` for each property"),
        ({"items": [{"type": "string"}]}, "it is prefixItems"),
        ({"minimum": "3"}, "'3' is not of type 'number'; correct it"),
        ({"$schema": ["x"]}, "['x'] is not of type 'string'"),
        ({"$ref": "#/$defs/x"}, "nothing is at '#/$defs/x'"),
        ({"$ref": "https://example.org/x.json"}, "is not fetched; copy it below $defs"),
    ],
)
def test_what_no_schema_is(value: object, words: str) -> None:
    """Each is told once, with a remedy."""
    ((code, _, _, message),) = found(schema(value))

    assert code == "schema"
    assert words in message


@pytest.mark.parametrize(
    "value",
    [
        {"type": "strng"}, {"properties": {"a": {"properties": {"b": {"type": "x"}}}}}, {"items": [1]},
        {"$ref": 3}, {"minimum": "3"}, {"$defs": {"a": {"type": 3}}}, {"required": ["a", "a"]}, {"anyOf": []},
        {"additionalProperties": "no"}, {"minLength": -1}, {"if": 3}, {"prefixItems": []}, {"format": 3},
        {"unevaluatedItems": 3}, {"contentSchema": 4}, {"description": 3}, {"$anchor": "a b"}, {"$id": 3},
        {"definitions": {"a": 3}}, {"dependencies": {"a": 3}}, {"type": "object", "enum": [1], "title": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_the_schema_in_one_piece_says_the_same(value: object) -> None:
    """As the one of the library, which takes seven times as long."""
    said = [
        {(str(error.absolute_path), error.message) for error in Draft202012Validator(meta).iter_errors(value)}
        for meta in (Draft202012Validator.META_SCHEMA, json_schema._flat())
    ]

    assert said[0] == said[1]


def test_a_schema_of_an_earlier_draft_is_judged_by_it() -> None:
    """The one that it names, if that is known."""
    draft = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}

    assert found(schema(draft)) == []
    assert found(schema({**BELOW, "$schema": "https://example.org/mine"})) == []


def test_a_key_of_a_schema_that_looks_mistyped() -> None:
    """A warning; the name of a property is no key, and an extension looks like none."""
    value = {"type": "object", "properties": {"propertis": {}, "a": {"descripton": "x"}}, "x-order": 1}
    ((code, _, _, message),) = found(schema(value))

    assert (code, message) == (
        "unknown_key", "unknown key 'descripton' (did you mean description?) of a schema has no effect",
    )  # fmt: skip


def test_a_deep_schema_is_an_error_and_no_crash() -> None:
    """As JSON text it may be deeper than the file may be."""
    deep: dict[str, object] = {}
    for _ in range(300):
        deep = {"properties": {"a": deep}}

    assert [code for code, *_ in found(f"jsonSchema: '{json.dumps(deep)}'\n{prompt()}{ASKED}")] == ["schema"]


def test_findings_about_a_schema_are_bounded() -> None:
    """A file of the greatest size, full of mistakes."""
    value = {"properties": {f"p{i}": {"type": "strng"} for i in range(500)}}
    text = schema(value)

    assert len(text) < SIZE_LIMIT
    assert len(found(text)) == 10


@pytest.mark.parametrize(
    ("variables", "column", "words"),
    [
        (
            "[{name: text, type: strng}]",
            32,
            "the type of text is unknown, and has no effect; did you mean string?",
        ),
        ("{text: {type: int}}", 26, "did you mean number?"),
        ("{text: {type: colour}}", 26, "use one of string, number, boolean, list, object"),
        ("{text: {type: 3}}", 26, "use one of"),
        (
            "{text: {type: number, default: '3'}}",
            43,
            "the default of text is no number; write one without quotes",
        ),
        ("{text: {type: string, default: 3}}", 43, "the default of text is no string; quote it"),
        ("{text: {type: boolean, default: 1}}", 44, "write true or false"),
        ("{text: {type: number, default: true}}", 43, "is no number"),
        ("{text: {type: list, default: a}}", 41, "a default is one value, so remove it"),
    ],
)
def test_a_type_that_is_unknown_or_does_not_fit(variables: str, column: int, words: str) -> None:
    """A warning with its place, in either shape of variables."""
    ((code, line, at, message),) = found(f"variables: {variables}\n{prompt()}")

    assert (code, line, at) == ("variable_type", 1, column)
    assert words in message


def test_types_that_fit() -> None:
    """The document is the same as without them."""
    texts = [
        f"variables:\n  - {{name: text, default: 3{kind}}}\n  - {{name: list{other}}}\n"
        + prompt("{{text}}{{list}}")
        for kind, other in (("", ""), (", type: number", ", type: list"))
    ]
    before, after = (document.parse(text.encode(), "").document for text in texts)

    assert found(texts[1]) == []
    assert before == after


def test_what_is_ignored_is_not_told() -> None:
    """These errors keep no prompt from being served, so a comment silences them."""
    text = "# promptstage: ignore parameter\nmodelParameters: {temperature: 3}\n" + prompt()

    assert found(text) == []
