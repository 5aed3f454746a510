"""Text that looks like a placeholder, a tag or template logic, but is none. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from promptstage import mustache, template
from registry.catalog.parsing.fields import SHOWN
from registry.catalog.parsing.letters import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator

# No backtracking, so that each search takes linear time.
_UNCLOSED = re.compile(rf"(?<![\\{{])\{{\{{ *+(?>{template.NAME})(?![^{{}}]*\}}\}})")
_LOGIC = re.compile(r"\{%[-+]? *+(?:if|for|set|block|macro|include|import|extends|raw)\b[^%\n]*+(?:%\})?")
_OF_MUSTACHE = re.compile(r"\{\{\{? *+[#^/&!]")


class Unreplaced(NamedTuple):
    """Its offset in the text, how it is written, and the finding."""

    offset: int
    written: str
    code: str
    message: str


def find(text: str, language: str | None) -> Iterator[Unreplaced]:
    """Find unreplaced text in a message; of logic only the first, as there is never just one."""
    if language == mustache.LANGUAGE:
        yield from _mistakes(text)
        yield from _logic(text, "write a section, as in {{#name}}...{{/name}}")
        return
    for offset, written in template.parse(text).oddities:
        remedy = "is no placeholder and stays as it is; name it like {{name}}"
        if _OF_MUSTACHE.match(written):
            remedy += ", or write `template: mustache` beside `messages:`"
        elif odd := foreign(written):
            remedy += f"; {odd}"
        yield Unreplaced(offset, written, "literal", f"{written[:SHOWN]!r} {remedy}")
    for found in _UNCLOSED.finditer(text):
        name = found.group().lstrip("{ ")[:SHOWN]
        yield Unreplaced(
            found.start(),
            found.group(),
            "unclosed",
            f"'{{{{{name}' is not closed and stays as it is; write {{{{{name}}}}}, or \\{{{{ if it is none",
        )
    yield from _logic(text, "a prompt has no logic; let the app choose the words and pass them in")


def _mistakes(text: str) -> Iterator[Unreplaced]:
    try:
        mustache.parse(text)
    except mustache.TemplateError as error:
        odd = foreign(error.written) if error.code == "unknown_tag" else ""
        yield Unreplaced(error.offset, error.written, error.code, f"{error}; {odd}" if odd else str(error))


def _logic(text: str, remedy: str) -> Iterator[Unreplaced]:
    if logic := _LOGIC.search(text):
        message = f"{logic.group()[:SHOWN]!r} stays as it is: {remedy}"
        yield Unreplaced(logic.start(), logic.group(), "logic", message)
