r"""The template language, all of it: ``{{ name }}`` is replaced once, ``\{{`` is a literal ``{{``.

A value is never scanned again, so text from a user cannot smuggle a placeholder in. Every other
``{{...}}`` stays as it is; `oddities` lists those, for a warning where prompts are checked.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_TOKEN = re.compile(r"\\(\{\{)|\{\{ *(" + NAME + r") *\}\}")
_ODDITY = re.compile(r"\{\{[^{}]*\}\}")  # no brace within, so that the search takes linear time


class Template(NamedTuple):
    """One parsed text: literals and placeholders in turn, beginning and ending with a literal.

    Attributes:
        literals: the texts between the placeholders; one more than there are placeholders.
        names: the placeholder after each literal but the last.
        offsets: where in the text each placeholder begins.
        oddities: ``(offset, text)`` of each ``{{...}}`` that is no placeholder and was not escaped.
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]
    offsets: tuple[int, ...]
    oddities: tuple[tuple[int, str], ...]


@lru_cache(maxsize=1024)
def parse(text: str) -> Template:
    """Split a text at its placeholders. Any text is a template, so this raises nothing."""
    literals, names, offsets, oddities = [""], [], [], []
    end = 0
    for token in _TOKEN.finditer(text):
        start = token.start()
        if start > end:
            between = text[end:start]
            oddities += [(end + odd.start(), odd.group()) for odd in _ODDITY.finditer(between)]
            literals[-1] += between
        escaped, name = token.groups()
        if escaped:
            literals[-1] += escaped
        else:
            names.append(name)
            offsets.append(start)
            literals.append("")
        end = token.end()
    oddities += [(end + odd.start(), odd.group()) for odd in _ODDITY.finditer(text[end:])]
    literals[-1] += text[end:]
    return Template(tuple(literals), tuple(names), tuple(offsets), tuple(oddities))


def render(text: str, values: Mapping[str, str]) -> str:
    """Put the values in their places.

    Args:
        text: the template.
        values: a string for every placeholder of it; more are ignored.

    Raises:
        KeyError: a placeholder has no value.
    """
    template = parse(text)
    parts = [template.literals[0]]
    for name, literal in zip(template.names, template.literals[1:], strict=True):
        parts += (values[name], literal)
    return "".join(parts)
