"""Read the templates of dotprompt: variables, and the markers of roles and of the history. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from registry.errors import Invalid

SHOWN = 60  # characters of an author's text in a message
_TOKEN = re.compile(
    r"(?P<escape>(?<!\\)\\+)?"  # not from within a run of them, which would take square time
    r"(?:(?P<comment>\{\{!--.*?--\}\}|\{\{!(?!--).*?\}\})"
    r"|\{\{\{(?P<raw>[^{}]*)\}\}\}|\{\{(?P<tag>[^{}]*)\}\}|\{\{)",
    re.DOTALL,
)
_LINE_END = re.compile(r"[ \t]*(?:\n|\Z)")
_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*", re.ASCII)
_ROLE = re.compile(r"""role\s+(?P<quote>["'])(?P<role>[^"']*)(?P=quote)""")
_HELPERS = frozenset(
    ("media", "section", "json", "role", "each", "if", "unless", "with", "lookup", "log", "else")
)
_CONSTANTS = frozenset(("this", "true", "false", "null", "undefined"))
_REFUSED = {  # by what a tag begins with
    ("#", "/", "^", "else"): "is logic; write a prompt for each case, or let the app decide",
    (">",): "includes another file, which may change by itself; put its text in",
    ("@",): "is of dotprompt's own context; give it as a variable",
    ("~",): "removes the space around it; write it without ~",
    ("media",): "is a media part; give it to the model in the app",
}


class Token(NamedTuple):
    """A piece of a template.

    Attributes:
        kind: ``text``, ``variable``, ``role`` or ``history``.
        value: the text that it shows, the variable's name, or the role.
    """

    kind: str
    value: str


def tokens(template: str) -> list[Token]:
    """Split a template. Raises Invalid with what is more than variables and markers."""
    found: list[Token] = []
    end = 0
    for token in _TOKEN.finditer(template):
        start, after = _extent(template, token)
        found += [Token("text", template[end:start])] if start > end else []
        found += _tokens(token)
        end = after
    return found + ([Token("text", template[end:])] if end < len(template) else [])


def _extent(template: str, token: re.Match[str]) -> tuple[int, int]:
    """Return where a token begins and ends; a comment that is alone on its line takes the line with it."""
    if token["comment"] and not token["escape"]:
        line = template.rfind("\n", 0, token.start()) + 1
        rest = _LINE_END.match(template, token.end())
        if rest and not template[line : token.start()].strip(" \t"):
            return line, rest.end()
    return token.span()


def _tokens(token: re.Match[str]) -> list[Token]:
    whole = token[0]
    if escape := token["escape"]:
        if len(escape) > 1:
            raise Invalid(f"{whole[:SHOWN]!r} has several backslashes before it; write one, or none")
        return [Token("text", whole[1:])]
    if token["comment"]:
        return []
    inside = token["raw"] if token["raw"] is not None else token["tag"]
    if inside is None:
        raise Invalid("there is {{ without its end; close it, or write \\{{")
    inside = inside.strip().removeprefix("&").strip()
    if inside == "history":
        return [Token("history", "")]
    if role := _ROLE.fullmatch(inside):
        return [Token("role", role["role"])]
    if _NAME.fullmatch(inside) and inside not in _CONSTANTS and inside not in _HELPERS:
        return [Token("variable", inside)]
    raise Invalid(_what(whole, inside))


def _what(whole: str, inside: str) -> str:
    shown = repr(" ".join(whole.split())[:SHOWN])
    word = re.split(r"[\s(]", inside.lstrip("#/^>~@ "), maxsplit=1)[0]
    for beginnings, why in _REFUSED.items():
        if inside.startswith(beginnings) or word in beginnings:
            return f"{shown} {why}"
    if inside.endswith("~"):
        return f"{shown} {_REFUSED[('~',)]}"
    if " " in inside or word in _HELPERS:
        return f"{shown} calls the helper {word[:SHOWN]}; let the app give the value"
    return f"{shown} is more than a variable; let the app give the value"
