"""The names in the texts of a prompt: what an app has to give, and what it may. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from promptstage import mustache, template

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from registry.catalog.parsing.nodes import Node


class Placeholder(NamedTuple):
    """Where a name is first: the text, the offset in its value, and how it is written there."""

    text: Node
    offset: int
    written: str


@dataclass(slots=True)
class Usage:
    """What the texts name.

    Attributes:
        texts: the contents of the messages.
        given: the names outside of sections, those of sections among them, each with its first place.
        sections: those of them that are names of sections alone, and so need not be given.
        inner: the names in sections, each of which may be that of an item.
        firsts: the first parts of dotted names, in a language that has such: each may be a variable's name.
        whole: whether all texts could be read.
    """

    texts: Sequence[Node]
    given: dict[str, Placeholder] = field(default_factory=dict)
    sections: set[str] = field(default_factory=set)
    inner: set[str] = field(default_factory=set)
    firsts: set[str] = field(default_factory=set)
    whole: bool = True

    def holds(self, name: str) -> bool:
        """Whether a variable of this name is used, as a whole or by a part of it."""
        return name in self.given or name in self.inner or name in self.firsts

    def undeclared(self, declared: Collection[str]) -> list[str]:
        """The names outside of sections that no variable of these stands for."""
        whole = self.firsts.intersection(declared)
        return [n for n in self.given if n not in declared and n.partition(".")[0] not in whole]


def find(texts: Sequence[Node], language: str | None, *, whole: bool = True) -> Usage:
    """Look through the contents of messages that can be read; `whole` says whether those are all."""
    usage = Usage(texts, whole=whole)
    for node in texts:
        if language == mustache.LANGUAGE:
            _add_uses(usage, node, mustache.parse(node.value).uses)
        else:
            _add_placeholders(usage, node)
    return usage


def _add_placeholders(usage: Usage, node: Node) -> None:
    parsed = template.parse(node.value)
    for name, offset in zip(parsed.names, parsed.offsets, strict=True):
        if name not in usage.given:
            end = node.value.index("}}", offset) + 2
            usage.given[name] = Placeholder(node, offset, node.value[offset:end])


def _add_uses(usage: Usage, node: Node, uses: Iterable[mustache.Use]) -> None:
    for use in uses:
        if "." in use.name:
            usage.firsts.add(use.name.partition(".")[0])
        if use.is_inner:
            usage.inner.add(use.name)
            continue
        if not use.is_section:
            usage.sections.discard(use.name)
        elif use.name not in usage.given:
            usage.sections.add(use.name)
        usage.given.setdefault(use.name, Placeholder(node, use.offset, use.written))
