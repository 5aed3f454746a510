"""Read typed values from a mapping of a prompt file, and report what is wrong with them. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from registry.catalog.parsing.nodes import Node

SHOWN = 60  # characters of the file's own words in a message
KEYS_SHOWN = 32  # unknown keys that are named, of one mapping
TOP = "the file"  # how the outermost mapping is called
_COMPARED = 50  # names with which one is compared
_NEAR = 0.8  # how alike two names are, 0 to 1, if one may be a typing error of the other


class Reporter(Protocol):
    """Takes what is wrong with a file."""

    @property
    def full(self) -> bool:
        """Whether there is enough to say."""

    def report(self, at: Node, code: str, message: str) -> None:
        """Say what is wrong, or odd; the code tells which of the two."""

    def report_all(self, found: Iterable[tuple[Node, str, str]]) -> None:
        """Say several things that count as one."""


class Fields:
    """Takes what is needed out of a mapping, and says what is wrong with it."""

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
        """Whether the key is there with a value; an empty one counts as absent."""
        return key in self.items and self.items[key].value is not None

    def at(self, key: str) -> Node:
        """The place of a value; that of the mapping, if it is absent."""
        return self.items.get(key, self._node)

    def report(self, key: str, code: str, message: str) -> None:
        """Say what is wrong with the value of a key."""
        self._source.report(self.at(key), code, message)

    def warn_unknown(self, known: tuple[str, ...], remedy: str) -> None:
        """Warn of the other keys, one by one; of a mapping that has very many, of the first ones."""
        unknown = [key for key in self.items if key not in known]
        if not unknown or self._source.full:
            return
        where = "" if self._what == TOP else f" of {self._what}"
        told = [
            (f"unknown key {_with_guess(key, known)}{where} has no effect; {remedy}", key)
            for key in unknown[:KEYS_SHOWN]
        ]
        if rest := unknown[KEYS_SHOWN:]:
            told.append((f"{len(rest)} unknown keys more{where} have no effect; {remedy}", rest[0]))
        self._source.report_all((self._node.key_of(key), "unknown_key", message) for message, key in told)

    def text(self, key: str, default: str) -> str:
        """The text of a key."""
        if key not in self:
            return default
        value = self.items[key].value
        if isinstance(value, str):
            return value
        self.report(key, "not_text", f"{key} must be text; {_as_text(value)}")
        return default

    def needed(self, key: str, code: str, message: str) -> str:
        """The text of a key that must have some."""
        value = self.text(key, "")
        if key not in self or self.items[key].value == "":
            self.report(key, code, message)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """The truth of a key."""
        if key not in self:
            return default
        value = self.items[key].value
        if not isinstance(value, bool):
            self.report(key, "not_boolean", f"{key} is neither true nor false; write one of them")
        return bool(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """The mapping of a key, as JSON."""
        if key not in self:
            return {}
        node = self.items[key]
        Fields(self._source, node, key)
        return node.plain() if isinstance(node.value, dict) else {}

    def list(self, key: str) -> list[Node]:
        """The list of a key."""
        if key not in self:
            return []
        value = self.items[key].value
        if isinstance(value, list):
            return value
        self.report(key, "not_a_list", f"{key} must be a list; begin each entry with `- `")
        return []


def _as_text(value: Any) -> str:
    """How to write text where something else is; quotes alone make none of a list over some lines."""
    if isinstance(value, list):
        return "write one text in place of the list, in quotes if it begins with ["
    if isinstance(value, dict):
        return "write one text in place of the keys, in quotes if it begins with {"
    return "quote it"


@lru_cache(maxsize=1 << 10)  # the same keys are in file after file
def _with_guess(key: str, known: tuple[str, ...]) -> str:
    """A key as it is shown, with the one that may have been meant: a typing error has no effect either."""
    plain = {name.lower(): name for name in known}
    near = nearest(key.lower().replace("_", ""), plain)
    return f"{key[:SHOWN]!r}" + (f" (did you mean {plain[near]}?)" if near else "")


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that this one may be a typing error of; no search where it would take long."""
    if len(name) > SHOWN or len(known) > _COMPARED:
        return None
    return next(iter(get_close_matches(name, known, 1, _NEAR)), None)
