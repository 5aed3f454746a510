"""Commit messages of imported versions, and what they say of the source. Pure.

The last paragraph holds ``Imported-From: <format> <version in the source> <prompt>``, by which a second
import knows what is here already.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import Invalid

if TYPE_CHECKING:
    from registry.importers.imported import Imported

TRAILER = "Imported-From"
MESSAGE_LIMIT = 10_000  # characters of an author's message; a tool's own field holds a few hundred
SHOWN = 40  # characters of an odd version in an error
_NUMBER = re.compile(r"[!-~]{1,100}")
_LEFT_OUT = "Not carried over:"


class Origin(NamedTuple):
    """Where a version is from."""

    format: str
    number: str
    name: str

    @classmethod
    def parse(cls, value: str) -> Origin | None:
        """Read the value of a trailer; None if a person wrote something else there."""
        parts = value.strip().split(" ")
        return cls(*parts) if len(parts) == len(cls._fields) else None


def require_number(item: Imported) -> None:
    """Let a version pass whose number a trailer can hold. Raises Invalid."""
    if not _NUMBER.fullmatch(str(item.number)):
        raise Invalid(f"its version {str(item.number)[:SHOWN]!r} is no number, and no name without spaces")


def message(item: Imported, fmt: str) -> str:
    """Return the message of the commit: the author's own, what was left out, and the origin."""
    said = (item.message or "").replace("\0", "").strip()[:MESSAGE_LIMIT]
    paragraphs = [said or f"Import {item.name} {item.number} from {fmt}"]
    if item.left_out:
        paragraphs.append("\n".join((_LEFT_OUT, *(f"- {each}" for each in item.left_out))))
    paragraphs.append(f"{TRAILER}: {fmt} {item.number} {item.name}")
    return "\n\n".join(paragraphs) + "\n"
