"""Split a text at the lines that name a role, as Prompty writes a conversation. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 60  # characters of an author's text in a message
ROLES = ("assistant", "developer", "system", "user")
FIRST = "system"  # the role of text before any line that names one
_LINE = re.compile(
    r"\s*#?\s*(?P<role>assistant|developer|function|system|tools?|user)\s*(?P<about>\[[^\]]*\])?\s*:\s*",
    re.IGNORECASE,
)


class Part(NamedTuple):
    """The lines of one role, joined."""

    role: str
    text: str


def split(text: str) -> Iterator[Part]:
    """Yield the parts of a text that have at least one line. Raises Invalid for a role that is none here."""
    role = FIRST
    lines: list[str] = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        if lines:
            yield Part(role, "\n".join(lines))
        role, lines = _role(found), []
    if lines:
        yield Part(role, "\n".join(lines))


def _role(line: re.Match[str]) -> str:
    role = line["role"].lower()
    if role not in ROLES:
        raise Invalid(f"there is a part for {role}, which is no message; put it elsewhere")
    if line["about"]:
        shown = line[0].strip()[:SHOWN]
        raise Invalid(f"{shown!r} says more than a role; write {role}: alone")
    return role
