"""The names in the texts of a prompt: those that an app must give, and those that it may. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from promptstage import mustache, template

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from registry.catalog.parsing.messages import Text
    from registry.catalog.parsing.nodes import Node


class Placeholder(NamedTuple):
    """The first use of a name: the text, the offset in its value, and how it is written there."""

    text: Node
    offset: int
    written: str


@dataclass(slots=True)
class Usage:
    """The names in the texts of a prompt.

    Attributes:
        texts: the contents of the messages.
        given: the names outside of sections, including those of sections, each with its first place.
        sections: those of `given` that only name sections, and so are optional.
        inner: the names inside sections; each may belong to an item.
        firsts: the first parts of dotted names, in Mustache; each may be the name of a variable.
        whole: whether all texts could be read.
    """

    texts: Sequence[Node]
    given: dict[str, Placeholder] = field(default_factory=dict)
    sections: set[str] = field(default_factory=set)
    inner: set[str] = field(default_factory=set)
    firsts: set[str] = field(default_factory=set)
    whole: bool = True

    def holds(self, name: str) -> bool:
        """Tell whether a variable of this name is used, whole or in part."""
        return name in self.given or name in self.inner or name in self.firsts

    def undeclared(self, declared: Collection[str]) -> list[str]:
        """Return the names outside of sections for which none of these variables is declared."""
        whole = self.firsts.intersection(declared)
        return [n for n in self.given if n not in declared and n.partition(".")[0] not in whole]


def find(texts: Sequence[Text], language: str | None, *, whole: bool = True) -> Usage:
    """Collect the names in the contents of all readable messages; `whole` says whether those are all."""
    usage = Usage([text.node for text in texts], whole=whole)
    for text in texts:
        if language == mustache.LANGUAGE:
            _add_uses(usage, text.node, text.uses)
        else:
            _add_placeholders(usage, text.node)
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
