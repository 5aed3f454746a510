"""Text that looks like a placeholder or template logic, but is not replaced. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from promptstage import template
from registry.catalog.parsing.fields import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

# No backtracking, so that each search takes linear time.
_UNCLOSED = re.compile(rf"(?<![\\{{])\{{\{{ *+(?>{template.NAME})(?![^{{}}]*\}}\}})")
_LOGIC = re.compile(r"\{%[-+]? *+(?:if|for|set|block|macro|include|import|extends|raw)\b[^%\n]*+(?:%\})?")


class Unreplaced(NamedTuple):
    """Its offset in the text, how it is written, and the finding."""

    offset: int
    written: str
    code: str
    message: str


def find(text: str) -> Iterator[Unreplaced]:
    """Find unreplaced text in a message; of logic only the first, as there is never just one."""
    for offset, written in template.parse(text).oddities:
        remedy = "is no placeholder and stays as it is; name it like {{name}}"
        yield Unreplaced(offset, written, "literal", f"{written[:SHOWN]!r} {remedy}")
    for found in _UNCLOSED.finditer(text):
        name = found.group().lstrip("{ ")[:SHOWN]
        yield Unreplaced(
            found.start(),
            found.group(),
            "unclosed",
            f"'{{{{{name}' is not closed and stays as it is; write {{{{{name}}}}}, or \\{{{{ if it is none",
        )
    if logic := _LOGIC.search(text):
        remedy = "stays as it is: a prompt has no logic; let the app choose the words and pass them in"
        yield Unreplaced(logic.start(), logic.group(), "logic", f"{logic.group()[:SHOWN]!r} {remedy}")
