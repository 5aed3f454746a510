r"""Carry texts in other template languages over: plain variables, and nothing else. Pure.

A variable is ``{{name}}`` or, of something nested, ``{{user.name}}``, which makes the file one in Mustache.
Comments go, as they do when the text is rendered. All else is refused by what it is, as its meaning here
would be a guess.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SHOWN = 60  # characters of an author's text in a message
_JINJA = re.compile(
    r"\{%-?\s*raw\s*-?%\}(?P<raw>.*?)\{%-?\s*endraw\s*-?%\}"
    r"|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|\{[{%#]",
    re.DOTALL,
)
_VARIABLE = re.compile(r"\{\{\s*(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}\}", re.ASCII)
_BRACES = re.compile(r"(?<!\\)\\+\{\{|\{\{")
_OPEN = "{{"


class Text(NamedTuple):
    """A text as a prompt file has it, and the names of its variables, each once."""

    text: str
    names: tuple[str, ...]


def language(names: Iterable[str]) -> dict[str, str]:
    """Return the keys of a prompt file that say its language: Mustache where a variable is nested."""
    return {"template": "mustache"} if any("." in name for name in names) else {}


def jinja(text: str) -> Text:
    """Carry over a text in Jinja or Nunjucks. Raises Invalid with what is not plain."""
    return _carried(text, _JINJA, _of_jinja)


def literal(text: str) -> str:
    """Return a text as a template that renders as it is."""
    return _BRACES.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    if found[0] != _OPEN:
        raise Invalid(
            r"a backslash stands before {{, where it would be an escape here; put a space between them"
        )
    return f"\\{_OPEN}"


def _carried(text: str, tokens: re.Pattern[str], carry: Callable[[re.Match[str]], tuple[str, str]]) -> Text:
    """Carry over tokens, each with the name of its variable, and what is between them as it is."""
    parts: list[str] = []
    names: dict[str, None] = {}
    end = 0
    for token in tokens.finditer(text):
        between = text[end : token.start()]
        written, name = carry(token)
        if name and between.endswith("\\"):
            raise Invalid(
                rf"a backslash stands before {token[0][:SHOWN]}, where it would be an escape here; "
                "put a space between them"
            )
        parts += (literal(between), written)
        names |= {name: None} if name else {}
        end = token.end()
    return Text("".join((*parts, literal(text[end:]))), tuple(names))


def _of_jinja(token: re.Match[str]) -> tuple[str, str]:
    whole = token[0]
    if (raw := token["raw"]) is not None:
        if "-" in whole.replace(raw, "", 1):
            raise Invalid(f"{whole[:SHOWN]!r} removes the space around it; write it without -")
        return literal(raw), ""
    if whole.startswith("{#") and whole.endswith("#}"):
        if whole.startswith("{#-") or whole.endswith("-#}"):
            raise Invalid(f"the comment {whole[:SHOWN]!r} removes the space around it; write it without -")
        return "", ""
    if found := _VARIABLE.fullmatch(whole):
        return f"{{{{{found['name']}}}}}", found["name"]
    raise Invalid(_what(whole))


def _what(token: str) -> str:
    shown = repr(" ".join(token.split())[:SHOWN])
    if len(token) <= len(_OPEN):
        return f"there is {shown} without its end; close it, or write it as text"
    if token.startswith("{%"):
        return f"{shown} is logic; write a prompt for each case, or let the app decide"
    if "|" in token:
        return f"{shown} has a filter; let the app give the value as it is to be"
    return f"{shown} is more than a variable; let the app give the value"
