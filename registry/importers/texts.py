"""Texts of other tools' templates, and how a prompt file says the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage import mustache, template
from registry.catalog.parsing import placeholders
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Text(NamedTuple):
    """A template of another tool, once it is understood.

    Attributes:
        source: as it is written there.
        literals, names: what it shows in turn, from a literal to a literal, as in `template.Template`.
        is_nested: whether a name with dots looks into a value, as Mustache does.
        is_logic: whether it is Mustache that literals and names cannot express; then `source` is carried.
    """

    source: str
    literals: tuple[str, ...]
    names: tuple[str, ...]
    is_nested: bool = False
    is_logic: bool = False


def literal(text: str) -> Text:
    """Return a text in which nothing is replaced."""
    return Text(text, (text,), ())


def within(content: Any) -> Iterator[Text]:
    """Yield the texts in a content, which is one, or a list of parts with some."""
    if isinstance(content, Text):
        yield content
    elif isinstance(content, dict | list):
        for each in content.values() if isinstance(content, dict) else content:
            yield from within(each)


def language(texts: Iterable[Text]) -> str | None:
    """Return the language of a prompt file that can say all of these texts; None for placeholders alone."""
    return mustache.LANGUAGE if any(text.is_logic or text.is_nested for text in texts) else None


def write(text: Text, language: str | None) -> str:
    r"""Write a text in a language of prompt files: as in the source if that means the same, else escaped.

    Raises:
        Invalid: no text means the same, as a ``\`` or ``{`` right before a placeholder is an escape.
    """
    if text.is_logic:
        return text.source
    if _means(text.source, text, language) and not any(placeholders.find(text.source, language)):
        return text.source
    names = (f"{{{{{name}}}}}" for name in text.names)
    literals = (each.replace("{{", r"\{{") for each in text.literals)
    written = next(literals) + "".join(part for pair in zip(names, literals, strict=True) for part in pair)
    if _means(written, text, language):
        return written
    raise Invalid(
        r"a \ or { stands right before a variable, where it has another meaning here; "
        "put a space between them in the source"
    )


def _means(written: str, text: Text, language: str | None) -> bool:
    """Tell whether a template shows what a text shows."""
    if language is None:
        return template.parse(written)[:2] == (text.literals, text.names)
    try:
        plain = mustache.parse(written).plain
    except mustache.TemplateError:
        return False
    return plain is not None and plain[:2] == (text.literals, text.names)
