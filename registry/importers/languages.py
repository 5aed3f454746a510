"""Read the template languages of other tools. Pure.

Each reader takes a text and returns a `Text`, or raises Invalid with what has no counterpart in a prompt
file. Plain variables always have one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from promptstage import mustache, template
from registry.errors import Invalid
from registry.importers.texts import Text
from registry.system.text import SHOWN, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NAME = re.compile(template.NAME)
_FSTRING = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_IN_FIELDS = re.compile(r"[!:\[.]")  # conversion, format, index and attribute
_JINJA_OPENS = re.compile(r"\{[{%#]")
_JINJA_CLOSES = {"{{": "}}", "{%": "%}", "{#": "#}"}
_RAW = re.compile(r"\{%\s*raw\s*%\}")
_END_RAW = re.compile(r"\{%\s*endraw\s*%\}")
_PART = r"[A-Za-z_][A-Za-z0-9_]*"
_IDENTIFIER = re.compile(rf"\s*({_PART}(?:\.{_PART})*)\s*")
_JINJA_WORDS = frozenset(("true", "false", "none", "True", "False", "None", "self", "loop"))
_NEWLINE = re.compile(r"\r\n?")
_MUSTACHE_SIGILS = frozenset("#^/>&!={$<")
_NOT_IN_NAMES = frozenset("\"'{}\n:,")  # in double braces they make text, as of JSON, and no variable


def fstring(text: str) -> Text:
    """Read a text as Python's `str.format` does, with names alone in its braces."""
    literals, names, end = [""], [], 0
    for found in _FSTRING.finditer(text):
        literals[-1] += text[end : found.start()]
        end = found.end()
        if found[1] is None:
            literals[-1] += _brace(found.group())
        else:
            names.append(_field(found[1], found.group()))
            literals.append("")
    literals[-1] += text[end:]
    return Text(text, tuple(literals), tuple(names))


def _brace(written: str) -> str:
    if len(written) == 1:
        raise Invalid(f"a single {written} is no text in an f-string; double it in the source")
    return written[0]


def _field(name: str, written: str) -> str:
    if _IN_FIELDS.search(name):
        raise Invalid(f"{_shown(written)} formats or looks into a value; let the app do that")
    if not _NAME.fullmatch(name):
        raise Invalid(f"{_shown(written)} is no name that a variable can have here; rename it in the source")
    return name


def jinja(text: str, *, keeps_end: bool = False) -> Text:
    """Read a text as Jinja2 does with its own settings, with names alone in its tags.

    Args:
        text: the template.
        keeps_end: whether a line break at its end stays, as in Nunjucks.
    """
    text = _NEWLINE.sub("\n", text)
    text = text if keeps_end else text.removesuffix("\n")
    literals, names, end = [""], [], 0
    while opened := _JINJA_OPENS.search(text, end):
        literals[-1] += text[end : opened.start()]
        written, name, end = _jinja_tag(text, opened.start())
        literals[-1] += written
        if name:
            names.append(name)
            literals.append("")
    literals[-1] += text[end:]
    return Text(text, tuple(literals), tuple(names), is_nested=_is_nested(names))


def _jinja_tag(text: str, start: int) -> tuple[str, str, int]:
    """Return what a tag shows, the name that it stands for, and its end."""
    if raw := _RAW.match(text, start):
        closed = _END_RAW.search(text, raw.end())
        if not closed:
            raise Invalid("{% raw %} is not closed; write {% endraw %} after it in the source")
        return text[raw.end() : closed.start()], "", closed.end()
    opens = text[start : start + 2]
    end = text.find(_JINJA_CLOSES[opens], start + 2)
    if end < 0:
        raise Invalid(f"{opens} is not closed; write {_JINJA_CLOSES[opens]} after it in the source")
    inner, written = text[start + 2 : end], _shown(text[start : end + 2])
    if opens == "{%":
        raise Invalid(f"{written} is logic of Jinja2; let the app choose the words, or write it in Mustache")
    if inner[:1] in {"-", "+"} or inner[-1:] in {"-", "+"}:
        raise Invalid(f"{written} removes spaces around it; write them as they should be in the source")
    if opens == "{#":
        return "", "", end + 2
    name = _IDENTIFIER.fullmatch(inner)
    if not name or name[1].partition(".")[0] in _JINJA_WORDS:
        raise Invalid(f"{written} is an expression of Jinja2; let the app compute the value")
    return "", name[1], end + 2


def mustache_text(text: str) -> Text:
    """Read a text of Mustache; one with sections stays as it is."""
    if "\\{{" in text:
        raise Invalid(r"a \ stands right before {{, where it is an escape here; put a space between them")
    try:
        parsed = mustache.parse(text)
    except mustache.TemplateError as error:
        raise Invalid(str(error)) from None
    if parsed.partials:
        raise Invalid(f"{_shown(parsed.partials[0].written)} is a partial of the app; write its text out")
    if parsed.plain is None:
        return Text(text, (), (), is_logic=True)
    literals, names = parsed.plain[:2]
    return Text(text, literals, names, is_nested=_is_nested(names))


def _is_nested(names: Iterable[str]) -> bool:
    return any("." in name for name in names)


def double_braces(text: str, note: Callable[[str], None]) -> Text:
    """Read a text as Langfuse's clients do: what is between ``{{`` and ``}}`` is a name.

    Args:
        text: the template.
        note: takes each ``{{...}}`` that is text, as it can be no name.
    """
    literals, names, end = [""], [], 0
    while (start := text.find("{{", end)) >= 0 and (closed := text.find("}}", start)) >= 0:
        inner, tag = text[start + 2 : closed].strip(), text[start : closed + 2]
        literals[-1] += text[end:start]
        end = closed + 2
        if _NAME.fullmatch(inner):
            names.append(inner)
            literals.append("")
        else:
            _require_text(inner, tag)
            note(_shown(tag))
            literals[-1] += tag
    literals[-1] += text[end:]
    return Text(text, tuple(literals), tuple(names))


def _require_text(inner: str, tag: str) -> None:
    """Raise Invalid unless a tag can only be text."""
    if inner[:1] in _MUSTACHE_SIGILS:
        raise Invalid(
            f"{_shown(tag)} is read differently by each client; write plain {{{{names}}}} in the source"
        )
    if not _NOT_IN_NAMES & set(inner):
        raise Invalid(f"{_shown(tag)} is no name that a variable can have here; rename it in the source")


def _shown(text: str) -> str:
    return visible(text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…")
