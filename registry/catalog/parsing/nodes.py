"""Values of a prompt file with their places, and findings about them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing.codes import CODES, FATAL

if TYPE_CHECKING:
    from registry.catalog.parsing.codes import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding about a file; `line` and `column` count from 1."""

    line: int
    column: int
    code: str
    message: str

    @property
    def severity(self) -> Severity:
        """The severity of its code."""
        return CODES[self.code].severity

    @property
    def is_fatal(self) -> bool:
        """Tell whether a version with it cannot be served."""
        return self.code in FATAL

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


@dataclass(slots=True)
class Node:
    """A value and its place in the source; `value` is a scalar, a list of nodes or a dict of nodes.

    Attributes:
        start, end: the place of its characters.
        key: the key of a dict's entry.
    """

    value: Any
    line: int
    column: int
    start: int = 0
    end: int = 0
    key: Node | None = None

    def key_of(self, name: str) -> Node:
        """Return the place of a key of a dict."""
        entry: Node = self.value[name]
        return entry.key or entry

    def plain(self) -> Any:
        """Return the value as JSON would hold it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value
