"""Texts of other tools show here what they show there; the tools' own code made the expectations."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hosted_dumps import vector

from promptstage import template
from registry.errors import Invalid
from registry.importers import languages, mlflow, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.importers.texts import Text

VALUES = {"name": "Ada {{text}} {x} %", "text": "T", "x": "X\\1", "user_name": "U", "a.b": "AB"}
# MLflow replaces one variable after the other, so that it reads what is in a value.
PLAIN = {name: value.replace("{{text}}", "[text]") for name, value in VALUES.items()}
HOSTILE = 32 * 1024  # characters
SECONDS = 5.0  # of the processor; it takes a tenth of one
READERS: dict[str, tuple[Callable[[str], Text], Mapping[str, str]]] = {
    "langfuse": (partial(languages.double_braces, note=lambda _: None), VALUES),
    "fstring": (languages.fstring, VALUES),
    "jinja2": (languages.jinja, VALUES),
    "mlflow": (partial(mlflow.double_braces, notes=[]), PLAIN),
}


def shown(language: str, text: str) -> str | None:
    """Render a text of another language here; None if it is refused."""
    read, values = READERS[language]
    try:
        return template.render(texts.write(read(text), None), values)
    except Invalid:
        return None


@pytest.mark.parametrize("language", READERS)
def test_texts_with_plain_variables_show_the_same(language: str) -> None:
    """Braces, escapes and white space included."""
    for text, expected in vector("texts.json")[language]["exact"]:
        assert (text, expected) == (text, shown(language, text))


@pytest.mark.parametrize("language", READERS)
def test_any_text_shows_the_same_or_is_refused(language: str) -> None:
    """Nothing is guessed, and no more than the odd is refused."""
    cases = vector("texts.json")[language]["random"]
    found = [shown(language, text) for text, _ in cases]

    assert all(each in (None, expected) for each, (_, expected) in zip(found, cases, strict=True))
    assert sum(each is not None for each in found) >= {"langfuse": 131, "fstring": 78, "jinja2": 51}.get(
        language, 148
    )


@pytest.mark.parametrize(
    ("read", "text", "why"),
    [
        (languages.fstring, "{price:.2f}", "'{price:.2f}' formats"),
        (languages.fstring, "{user.name}", "looks into a value"),
        (languages.fstring, "{user name}", "no name that a variable can have"),
        (languages.fstring, "100 } of", "a single }"),
        (languages.jinja, "{% if a %}b{% endif %}", "{% if a %} is logic of Jinja2"),
        (languages.jinja, "{{ a | upper }}", "{{ a | upper }} is an expression"),
        (languages.jinja, "{{ user[0] }}", "is an expression"),
        (languages.jinja, "a {{- b }}", "removes spaces"),
        (languages.jinja, "{{ a", "{{ is not closed"),
        (languages.jinja, "{% raw %} a", "{% raw %} is not closed"),
        (languages.mustache_text, "{{> shared}}", "partial"),
        (languages.mustache_text, "{{=<% %>=}}", "delimiters"),
        (languages.mustache_text, "{{#a}}b", "not closed"),
        (languages.mustache_text, "\\{{a}}", "stands right before"),
        (READERS["langfuse"][0], "{{#items}}a{{/items}}", "{{#items}} is read differently by each client"),
        (READERS["langfuse"][0], "{{{a}}}", "read differently"),
        (READERS["langfuse"][0], "{{user name}}", "no name that a variable can have here"),
        (READERS["langfuse"][0], "{{名前}}", "no name that a variable can have here"),
    ],
)
def test_what_has_no_counterpart_is_named(read: Callable[[str], Text], text: str, why: str) -> None:
    """With the text that it is about."""
    with pytest.raises(Invalid) as caught:
        read(text)

    assert why.replace("'", "") in str(caught.value)


@pytest.mark.parametrize("text", ["a\\{{x}}", "C:\\{{x}}\\{{y}}"])
def test_a_backslash_before_a_variable_cannot_be_written_here(text: str) -> None:
    """It is an escape in prompt files."""
    with pytest.raises(Invalid, match="put a space between them"):
        texts.write(READERS["langfuse"][0](text), None)


def test_sections_need_the_language() -> None:
    """And so do the other texts of the prompt, which then escape what it would read."""
    section, plain = languages.mustache_text("{{#a}}b{{/a}}"), languages.fstring("{x} {{{{#a}}}}")

    language = texts.language([section, plain])
    assert language == "mustache"
    assert texts.write(section, language) == "{{#a}}b{{/a}}"
    assert texts.write(plain, language) == r"{{x}} \{{#a}}"


@pytest.mark.parametrize(
    "piece", ["{{", "{% raw %}", "{#", "{{a}}", "{", "{{ a b", "@@@langfusePrompt:name=a|"]
)
def test_reading_takes_linear_time(piece: str) -> None:
    """A hostile text takes no longer than an honest one."""
    text = piece * (HOSTILE // len(piece))
    begun = process_time()
    for read, _ in READERS.values():
        with suppress(Invalid):
            texts.write(read(text), None)

    assert process_time() - begun < SECONDS
