"""Bring the versions of a hosted tool into the order of their making. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Invalid
from registry.importers.imported import Imported, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry.importers.imported import Read


class Version(NamedTuple):
    """A version as the tool has it.

    Attributes:
        source: the prompt's name there.
        number: what the tool calls it.
        order: its place among the versions of its prompt: they are sorted by it.
        content: all that the dump has of it.
    """

    source: str
    number: int | str
    order: Any
    content: Any


def read(versions: Iterable[Version], translate: Callable[[Version], Imported]) -> Read:
    """Translate versions, those of a prompt oldest first; a dump may have one more than once, if it is alike.

    Args:
        versions: in any order.
        translate: returns one as ours, or raises Invalid with what is in the way.
    """
    seen: dict[tuple[str, int | str], Any] = {}
    for version in sorted(versions, key=lambda each: (each.source, each.order)):
        key = version.source, version.number
        try:
            if key in seen and seen[key] == version.content:
                continue
            seen[key] = version.content
            yield translate(version)
        except Invalid as error:
            yield Refused(version.source, version.number, error.message)
