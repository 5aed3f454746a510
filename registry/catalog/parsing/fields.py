"""Read typed values from a mapping of a prompt file, and report what is wrong with them. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from registry.catalog.parsing.letters import foreign

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from registry.catalog.parsing.nodes import Node

SHOWN = 60  # characters of the file's own text in a message
KEYS_SHOWN = 32  # unknown keys reported per mapping
TOP = "the file"  # the name of the outermost mapping
_COMPARED = 50  # names compared with one
_NEAR = 0.8  # similarity, 0 to 1, from which one name may be a typing error of another


class Reporter(Protocol):
    """Collects the findings about a file."""

    @property
    def full(self) -> bool:
        """Whether enough was reported."""

    def report(self, at: Node, code: str, message: str) -> None:
        """Report an error or a warning; the code decides which."""

    def report_all(self, found: Iterable[tuple[Node, str, str]]) -> None:
        """Report several findings that count as one."""


class Fields:
    """Reads values from a mapping, and reports what is wrong with them."""

    def __init__(self, source: Reporter, node: Node, what: str) -> None:
        self.items: dict[str, Node] = {}
        self._what = what
        self._source = source
        self._node = node
        self.valid = isinstance(node.value, dict)
        if self.valid:
            self.items = node.value
        else:
            below = " below `messages:`" if what == TOP and isinstance(node.value, list) else " like that"
            source.report(node, "not_a_mapping", f"{what} must be `key: value` pairs; write it{below}")

    def __contains__(self, key: str) -> bool:
        """Return whether the key has a value; an empty one counts as absent."""
        return key in self.items and self.items[key].value is not None

    def at(self, key: str) -> Node:
        """Return the place of a value; that of the mapping, if it is absent."""
        return self.items.get(key, self._node)

    def report(self, key: str, code: str, message: str) -> None:
        """Report what is wrong with the value of a key."""
        self._source.report(self.at(key), code, message)

    def warn_unknown(self, known: tuple[str, ...], remedy: str) -> None:
        """Warn of each other key; in a mapping with very many, of the first ones."""
        unknown = [key for key in self.items if key not in known]
        if not unknown or self._source.full:
            return
        where = "" if self._what == TOP else f" of {self._what}"
        warnings = [
            (f"unknown key {_with_guess(key, known)}{where} has no effect; {remedy}", key)
            for key in unknown[:KEYS_SHOWN]
        ]
        if rest := unknown[KEYS_SHOWN:]:
            warnings.append((f"{len(rest)} unknown keys more{where} have no effect; {remedy}", rest[0]))
        self._source.report_all((self._node.key_of(key), "unknown_key", message) for message, key in warnings)

    def text(self, key: str, default: str) -> str:
        """Return the text of a key."""
        if key not in self:
            return default
        value = self.items[key].value
        if isinstance(value, str):
            return value
        self.report(key, "not_text", f"{key} must be text; {_as_text(value)}")
        return default

    def needed(self, key: str, code: str, message: str) -> str:
        """Return the text of a key that must have some."""
        value = self.text(key, "")
        if key not in self or self.items[key].value == "":
            self.report(key, code, message)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return the boolean of a key."""
        if key not in self:
            return default
        value = self.items[key].value
        if not isinstance(value, bool):
            self.report(key, "not_boolean", f"{key} is neither true nor false; write one of them")
        return bool(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """Return the mapping of a key, as JSON."""
        if key not in self:
            return {}
        node = self.items[key]
        Fields(self._source, node, key)
        return node.plain() if isinstance(node.value, dict) else {}

    def list(self, key: str) -> list[Node]:
        """Return the list of a key."""
        if key not in self:
            return []
        value = self.items[key].value
        if isinstance(value, list):
            return value
        self.report(key, "not_a_list", f"{key} must be a list; begin each entry with `- `")
        return []


def _as_text(value: Any) -> str:
    """Return how to write a value as text; quotes alone are not enough for a list of several lines."""
    if isinstance(value, list):
        return "write one text in place of the list, in quotes if it begins with ["
    if isinstance(value, dict):
        return "write one text in place of the keys, in quotes if it begins with {"
    return "quote it"


@lru_cache(maxsize=1 << 10)  # many files have the same keys
def _with_guess(key: str, known: tuple[str, ...]) -> str:
    """Format a key, with the one that may have been meant: a mistyped key has no effect either."""
    plain = {name.lower(): name for name in known}
    near = nearest(key.lower().replace("_", ""), plain)
    if not near:
        return f"{key[:SHOWN]!r}"
    odd = foreign(key)
    return f"{key[:SHOWN]!r} (did you mean {plain[near]}?{f' {odd}' if odd else ''})"


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that this one may be a typing error of; none where a search would take long."""
    if len(name) > SHOWN or len(known) > _COMPARED:
        return None
    return next(iter(get_close_matches(name, known, 1, _NEAR)), None)
