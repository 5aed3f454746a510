"""Mustache in the client: how names are looked up, what is strict, and where a text is no Mustache."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections import UserDict, UserList, deque
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from client.fake_registry import release

from promptstage import PromptTooLarge, VariablesMissing, limits, mustache
from promptstage.errors import ReleaseInvalid
from promptstage.model import Document, Message, Variable, dump_document, parse_document, parse_release
from promptstage.mustache_rendering import MustacheRenderer
from promptstage.prompt import make_document
from promptstage.rendering import Renderer
from promptstage.structured_rendering import make_renderer


class Tone(StrEnum):
    """A text of an application's own type."""

    calm = "calm"


def document(*texts: str, variables: tuple[Variable, ...] = ()) -> Document:
    """A document in Mustache, of messages with these texts."""
    messages = tuple(Message("user", text) for text in texts)
    made = replace(make_document(""), messages=messages, variables=variables)
    return replace(made, edition=2, language="mustache", portable=False)


def optional(name: str, default: object = None) -> Variable:
    """A variable that need not be given."""
    return Variable(name, required=False, default=default, description="")


def render(text: str, variables: tuple[Variable, ...] = (), /, **given: object) -> str:
    """The text of one message."""
    return make_renderer("chat", document(text, variables=variables)).messages(given)[0]["content"]


def missing(text: str, variables: tuple[Variable, ...] = (), /, **given: object) -> VariablesMissing:
    """The error of a text that lacks something."""
    with pytest.raises(VariablesMissing) as caught:
        render(text, variables, **given)
    return caught.value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<b> {{a}}", "<b> {{a}}"),
        (Tone.calm, "calm"),
        (0, "0"),
        (1.5, "1.5"),
        (Decimal("1.10"), "1.10"),
        (True, "true"),
        (False, "false"),
        ({"ä": [1, None, "x"]}, '{"ä":[1,null,"x"]}'),
        (["a", ("b", True)], '["a",["b",true]]'),
        ([UserDict(a=UserList([1])), Decimal(2)], '[{"a":[1]},"2"]'),
        (b"raw", "b'raw'"),
    ],
)
def test_a_value_as_text(value: object, text: str) -> None:
    """The same for each way to write its tag, whether it is looked up or picked."""
    assert render("{{v}}{{{v}}}{{& v }}", v=value) == text * 3
    assert render("{{#on}}{{v}}{{/on}}", v=value, on=True) == text


@pytest.mark.parametrize("value", [None, False, "", [], (), {}, UserList(), set(), {}.values()])
def test_what_is_false(value: object) -> None:
    """Its section is left out, and its inverted one is there."""
    assert render("{{#v}}yes{{/v}}{{^v}}no{{/v}}", v=value) == "no"


@pytest.mark.parametrize("value", [0, 0.0, "no", [None], {"a": None}, object()])
def test_what_is_true(value: object) -> None:
    """Zero is a number like any other."""
    assert render("{{#v}}yes{{/v}}{{^v}}no{{/v}}", v=value) == "yes"


@pytest.mark.parametrize("value", [("a", "b"), dict.fromkeys("ab").keys(), deque("ab")])
def test_what_is_a_list(value: object) -> None:
    """Whatever has items and a length, but for texts and mappings."""
    assert render("{{#v}}{{.}};{{/v}}{{v}}", v=value) == 'a;b;["a","b"]'
    assert render("{{#v}}{{.}}{{/v}}", v={"a"}) == "a"


def test_a_name_is_looked_for_from_the_inside_out() -> None:
    """The item of the innermost section first, the variables last."""
    given: dict[str, Any] = {"a": "root", "b": "root", "items": [{"a": "item", "subs": [{"c": 1}, {"c": 2}]}]}
    text = "{{#items}}{{#subs}}{{a}} {{b}} {{c}};{{/subs}}{{/items}}"

    assert render(text, **given) == "item root 1;item root 2;"


def test_a_whole_name_counts_first_among_the_variables() -> None:
    """So that an app may give ``user.name`` as one; of an item the parts alone count."""
    flat = {"user.name": "flat", "user": {"name": "deep"}}

    assert render("{{user.name}}", **flat) == "flat"
    assert render("{{user.name}}", user={"name": "deep"}) == "deep"
    assert render("{{#items}}{{user.name}}{{/items}}", items=[{"user": {"name": "deep"}}]) == "deep"


def test_all_the_missing_are_named() -> None:
    """Declared ones first; None counts as not given, and a broken chain too."""
    error = missing("{{b}} {{a}} {{u.name}} {{c}}", (Variable("a", True, None, ""),), b=None, u={}, c="x")

    assert error.names == ("a", "b", "u.name")
    assert str(error) == "chat needs a, b, u.name; pass a value for each"


def test_a_declared_variable_is_missed_once() -> None:
    """Not its parts as well."""
    assert missing("{{user.name}} {{user.id}}", (Variable("user", True, None, ""),)).names == ("user",)


def test_a_declared_variable_is_missed_in_a_section_too() -> None:
    """Where it stands alone, and where the section is left out."""
    assert missing("{{#on}}{{a}}{{/on}}", (Variable("a", True, None, ""),)).names == ("a",)


def test_an_optional_variable_is_empty_or_its_default() -> None:
    """Within sections and without, a part of it as well."""
    both = optional("tone", "calm"), optional("user")

    assert render("[{{tone}}|{{user}}|{{user.name}}]", both) == "[calm||]"
    assert render("{{#on}}[{{tone}}|{{user.name}}]{{/on}}", both, on=True) == "[calm|]"
    assert render("[{{tone}}|{{user.name}}]", both, tone="dry", user={"name": "Ada"}) == "[dry|Ada]"
    assert missing("{{user.name}}", both, user={"nmae": "Ada"}).names == ("user.name",)


def test_an_unknown_name_in_a_section_says_where() -> None:
    """The item by its position from 0."""
    items = [{"subs": [{"n": 1}, {"n": 2}]}, {"subs": [{"n": 3}, {"m": 4}]}]
    error = missing("{{#items}}{{#subs}}{{n}}{{/subs}}{{/items}}", items=items)

    assert (error.names, error.place) == (("n",), "items[1].subs[1]")
    assert str(error) == "chat needs n in items[1].subs[1]; add it there, or pass a value for it"
    assert missing("{{#a}}{{#.}}{{b}}{{/.}}{{/a}}", a=[[{"b": 1}, {}]]).place == "a[0][1]"
    assert missing("{{#user}}{{name}}{{/user}}", user={"id": 7}).place == "user"
    assert missing("{{^user}}{{name}}{{/user}}").place == "user"


def test_null_in_an_item_is_empty() -> None:
    """It is known, and hides what is outside."""
    assert render("{{#items}}[{{a}}]{{/items}}", items=[{"a": None}], a="outside") == "[]"


def test_an_object_has_no_names() -> None:
    """So that a file cannot reach into an app."""
    assert missing("{{v.__class__}}", v=Tone.calm).names == ("v.__class__",)
    assert missing("{{#v}}{{name}}{{/v}}", v=Tone.calm).place == "v"


def test_the_escape() -> None:
    r"""``\{{`` is a literal ``{{``, which begins no tag."""
    assert render(r"\{{#a}} {{a}} \\{{/a}}", a="x") == r"{{#a}} x \{{/a}}"
    assert render(r"{{#a}}\{{.}}{{/a}}", a=[1, 2]) == "{{.}}{{.}}"


def test_the_quick_way_gives_what_the_slow_way_gives() -> None:
    """For a document without sections, whose values are texts."""
    renderer = make_renderer("chat", document("{{! none }}a {{b}}\n{{! }}\n{{{c}}}", r"\{{ {{b}}"))
    given = {"b": "B {{c}}", "c": "", "unused": "u"}

    assert isinstance(renderer, MustacheRenderer)
    assert renderer._safe
    assert renderer.messages(given) == renderer._slowly(given)
    assert [message["content"] for message in renderer.messages(given)] == ["a B {{c}}\n", "{{ B {{c}}"]


def test_a_renderer_goes_to_another_process() -> None:
    """With its language."""
    renderer = pickle.loads(pickle.dumps(make_renderer("chat", document("{{#a}}{{.}}{{/a}}"))))

    assert renderer.messages({"a": [1, 2]}) == [{"role": "user", "content": "12"}]


def test_a_document_of_the_first_edition_has_the_first_renderer() -> None:
    """Where the tags of sections are text."""
    renderer = make_renderer("chat", make_document("{{#a}}{{b}}"))

    assert type(renderer) is Renderer
    assert renderer.messages({"b": True}) == [{"role": "user", "content": "{{#a}}True"}]


@pytest.mark.parametrize("text", ["{{a}}", "{{#b}}{{a}}{{/b}}"])
@pytest.mark.parametrize("a", ["é" * (limits.RENDERED_BYTES // 2 - 3), "e" * limits.RENDERED_BYTES])
def test_one_mebibyte_at_most(text: str, a: str) -> None:
    """Of all messages together, in UTF-8: an error says so."""
    with pytest.raises(PromptTooLarge, match="1 MiB"):
        make_renderer("chat", document(text, "1234567")).messages({"a": a, "b": True})


def test_nested_lists_are_bounded() -> None:
    """Before they fill the memory."""
    with pytest.raises(PromptTooLarge, match="1 MiB"):
        render("{{#a}}{{#a}}as long as a line of a chat, or longer{{/a}}{{/a}}", a=[1] * 10_000)


def test_a_long_value_is_counted_before_it_is_put_in() -> None:
    """A hundred tags of it would take a hundred times the memory."""
    value = "x" * limits.RENDERED_BYTES
    tracemalloc.start()
    with pytest.raises(PromptTooLarge, match="1 MiB"):
        render("{{a}}" * 100, a=value)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * limits.RENDERED_BYTES


def test_just_below_the_mebibyte() -> None:
    """It is rendered."""
    text = "é" * (limits.RENDERED_BYTES // 2)

    assert render("{{a}}", a=text) == render("{{#b}}{{a}}{{/b}}", a=text, b=True) == text


def test_sections_without_any_text_are_bounded_too() -> None:
    """10,000 items in each other would keep a thread busy for minutes."""
    with pytest.raises(PromptTooLarge, match="100000 texts and tags"):
        render("{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}", a=[1] * 10_000)


@pytest.mark.parametrize(
    ("text", "code", "offset", "said"),
    [
        ("a {{name", "unclosed_tag", 2, "'{{name' is not closed; write }} after it"),
        ("a {{{name}}", "unclosed_tag", 2, "'{{{name}}' is not closed; write }}} after it"),
        ("a {{! name", "unclosed_tag", 2, "write }} after it"),
        ("a {{}}", "unknown_tag", 2, "'{{}}' is no tag"),
        ('a {{"b": 1}}', "unknown_tag", 2, r"or \{{ if it is no tag"),
        ("{{#a}}{{> }}{{/a}}", "unknown_tag", 6, "'{{> }}' is a partial without a path"),
        ("{{=<% %>=}}", "unknown_tag", 0, "sets delimiters"),
        ("{{< base}}", "unknown_tag", 0, "inheritance"),
        ("{{$ block}}", "unknown_tag", 0, "a block of inheritance"),
        ("{{#each items}}x{{/each}}", "unknown_tag", 0, "has more than a name; a section is {{#items}}"),
        ("{{.}}", "unknown_tag", 0, "is the item of a section, and there is none"),
        ("{{^a}}{{#.}}{{/.}}{{/a}}", "unknown_tag", 6, "is the item of a section, and there is none"),
        ("x {{#a}}y", "section", 2, "{{#a}} is not closed; write {{/a}}"),
        ("x {{^a}}y", "section", 2, "{{^a}} is not closed; write {{/a}}"),
        ("x {{/a}}y", "section", 2, "{{/a}} closes nothing; write {{#a}} before it"),
        (
            "{{#a}}{{#b}}{{/a}}{{/b}}",
            "section",
            12,
            "{{/a}} is in the section {{#b}}; write {{/b}} before it",
        ),
        ("{{a}}" * 10_001, "too_many", 5 * 10_000, "more than 10000 tags"),
        ("{{#a}}" * 33, "section", 6 * 32, "nested more than 32 deep"),
    ],
)
def test_what_is_no_mustache(text: str, code: str, offset: int, said: str) -> None:
    """It is said where, why, and what to write."""
    with pytest.raises(mustache.TemplateError) as caught:
        mustache.parse(text)

    assert (caught.value.code, caught.value.offset) == (code, offset)
    assert said in str(caught.value)
    assert text.startswith(caught.value.written, offset)


@pytest.mark.parametrize(
    ("text", "portable"),
    [
        (r"{{a}} {{ b }} \{{c}} }} {", True),
        ("{{#a}}{{/a}}", False),
        ("{{{a}}}", False),
        ("{{& a}}", False),
        ("{{! a }}", False),
    ],
)
def test_what_is_portable(text: str, portable: bool) -> None:
    """What who knows ``{{name}}`` alone renders in the same way."""
    assert mustache.is_portable(text) is portable


def test_a_document_of_the_second_edition_is_read() -> None:
    """And written as it was read; without a language it is `{{name}}` alone."""
    made = document("{{#a}}{{.}}{{/a}}", variables=(optional("a"),))
    written = json.loads(json.dumps(dump_document(made)))

    assert parse_document(written) == made
    assert written["messages"] == [{"role": "user", "template": "{{#a}}{{.}}{{/a}}"}]
    plain = parse_document({**written, "language": None})
    assert make_renderer("chat", plain).messages({})[0]["content"] == "{{#a}}{{.}}{{/a}}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"edition": 3}, "a document of edition 3; this promptstage reads 2, upgrade it"),
        ({"edition": "2"}, "edition '2'"),
        ({"language": "jinja"}, "templates in 'jinja' are not known here"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "KeyError: 'template'"),
        ({"messages": [{"role": "user", "template": ["a text"]}]}, "a mapping was expected"),
        ({"messages": [{"role": "user", "template": "{{> shared/style.md}}"}]}, "a partial is not put in"),
        ({"messages": [{"role": "user", "template": "{{#a}}"}]}, "{{#a}} is not closed"),
        ({"portable": None, "language": ["mustache"]}, "not known here"),
    ],
)
def test_what_cannot_be_rendered_is_refused(changes: dict[str, Any], said: str) -> None:
    """With its whole release, so that the one before stays."""
    body = release()
    body["versions"]["1.2.0"]["document"] = {**dump_document(document("hi")), **changes}

    with pytest.raises(ReleaseInvalid) as caught:
        parse_release(body)
    assert said in str(caught.value)


def test_json_is_bounded_before_it_is_written() -> None:
    """A hundred million numbers take 20 s to write."""
    ring: list[Any] = []
    ring.append(ring)
    for value in ([[1] * 10_000] * 10_000, ring, ["x" * (1 << 20)]):
        with pytest.raises(PromptTooLarge, match="more than 1 MiB of text"):
            render("{{v}}", v=value)


def test_what_cannot_be_written_as_text() -> None:
    """The error names the value."""
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    for value in (deep, {(1, 2): 3}):
        with pytest.raises(TypeError, match=r"^v of .* cannot be written as text: .*; give a text, or plain"):
            render("{{v}}", v=value)
