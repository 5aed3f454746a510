"""A strict reader of YAML: the part that is JSON, with the place of everything.

No anchors or aliases, no tags, no duplicate keys, one document; plain scalars are numbers, booleans and
null only where JSON has them, so that ``no``, ``1:30`` and ``2024-01-01`` stay text. It is built on the
parser's events: nothing is expanded or constructed, and no input makes it recurse.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from registry.catalog.parsing import surrogates, yaml_errors
from registry.catalog.parsing.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.catalog.parsing.codes import Severity
    from registry.catalog.parsing.surrogates import Restore

SIZE_LIMIT = 256 << 10  # bytes of a prompt file
DEPTH_LIMIT = 64  # levels; far below where anybody's JSON reader gives up
VALUES_LIMIT = 20_000  # keys and values; they take some 60 ms, and a file that is no attack has some dozens
FINDINGS_LIMIT = 100  # of one file; nobody reads more, and a hostile one has a quarter of a million

_LFS = b"version https://git-lfs.github.com/spec/"  # how each of its pointers begins
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS = {"null": None, "": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about a file; `line` and `column` count from 1."""

    line: int
    column: int
    code: str
    message: str

    @property
    def severity(self) -> Severity:
        """How serious it is."""
        return CODES[self.code].severity

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


@dataclass(slots=True)
class Node:
    """A value and its place in the source; `value` is a scalar, a list of nodes or a dict of nodes."""

    value: Any
    line: int
    column: int
    span: tuple[int, int] = (0, 0)  # where its characters are
    keys: dict[str, Node] = field(default_factory=dict)  # of a dict: the keys with their places

    def plain(self) -> Any:
        """The value as JSON would hold it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


class Source:
    """One file, read as far as it can be read.

    Attributes:
        root: what it holds; None if it could not be read.
        findings: the errors so far; who reads the root may add to them.
    """

    def __init__(self, content: bytes) -> None:
        self.findings: list[Finding] = []
        self.root: Node | None = None
        self._text = ""
        self._said = 0  # what counts against the limit
        text = self._decode(content)
        if text is not None:
            self._text = text.removeprefix("\ufeff")
            self._parse()

    def report(self, at: Node, code: str, message: str) -> None:
        """Say what is wrong, or odd; the code tells which of the two."""
        self._add(at.line, at.column, code, message)

    def report_all(self, found: Iterable[tuple[Node, str, str]]) -> None:
        """Say several things that count as one: a file full of odd keys must not silence its errors."""
        if not self.full:
            self.findings += [Finding(at.line, at.column, code, message) for at, code, message in found]
            self._said += 1

    @property
    def full(self) -> bool:
        """Whether there is enough to say: more would not be read, and looking takes time."""
        return self._said >= FINDINGS_LIMIT

    def within(self, node: Node, offset: int, token: str) -> Node:
        """The place of a token that is at this offset of a text's value.

        Indentation, folding and escapes make offsets of value and source differ, so the token is
        counted: the third one of the value is the third one of the source. Where a break or an escape
        is inside the token itself, the place is that of the text.
        """
        if self.full:
            return node
        start, end = node.span
        found = start - 1
        for _ in range(node.value.count(token, 0, offset) + 1):
            found = self._text.find(token, found + 1, end)
            if found < 0:
                return node
        breaks = list(yaml_errors.BREAK.finditer(self._text, start, found))
        column = found - breaks[-1].end() + 1 if breaks else node.column + found - start
        return Node(token, node.line + len(breaks), column)

    def _add(self, line: int, column: int, code: str, message: str) -> None:
        if not self.full:
            self.findings.append(Finding(line, column, code, message))
            self._said += 1

    def _decode(self, content: bytes) -> str | None:
        if len(content) > SIZE_LIMIT:
            self._add(1, 1, "too_large", f"the file has {len(content)} bytes; keep it below 256 KiB")
            return None
        if content.startswith(_LFS):
            message = "this is a pointer of Git LFS, which is not followed; take the file out of LFS:"
            self._add(1, 1, "lfs", f"{message} git lfs untrack, then git add --renormalize")
            return None
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            before = content[: error.start].decode()
            self._after(before, "not_utf8", "this is not UTF-8; save the file as UTF-8")
            return None
        if text.count("\0") > len(text) // 3:  # of plain English it is every other character
            self._add(1, 1, "not_utf8", "this is UTF-16; save the file as UTF-8")
            return None
        if "\0" in text:
            self._after(text.partition("\0")[0], "nul", "there is a NUL character; remove it")
            return None
        return text

    def _after(self, before: str, code: str, message: str) -> None:
        self._add(*yaml_errors.end_of(before), code, message)

    def _parse(self) -> None:
        try:
            self._build(self._text)
        except yaml.MarkedYAMLError as error:
            marks = (error.problem_mark, error.context_mark)
            place, said = yaml_errors.explain(error.problem, marks, self._text)
            self._add(*place, "yaml", said)
            return
        except yaml.YAMLError as error:
            self._unreadable(error)
            return

    def _build(self, text: str, restore: Restore | None = None) -> None:
        """Build the root; a text with surrogate pairs is read again, with stand-ins. Raises YAMLError."""
        builder = _Builder(self)
        try:
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                if restore and isinstance(event, yaml.ScalarEvent):
                    event.value = restore(event.value, event.style == '"')
                if not builder.take(event):
                    return
        except yaml.MarkedYAMLError as error:
            standing_in = (
                yaml_errors.is_bad_escape(error.problem) and not restore and surrogates.stand_in(text)
            )
            if not standing_in:
                raise
            self.findings.clear()
            self._said = 0
            self._build(*standing_in)
            return
        self.root = builder.root
        if self.root is None:
            self._add(1, 1, "empty", "the file is empty; write at least `messages:`")

    def _unreadable(self, error: yaml.YAMLError) -> None:
        position = int(getattr(error, "position", None) or 0)
        before = self._text.encode()[:position].decode(errors="ignore")
        reason = getattr(error, "reason", None) or "unreadable"
        self._after(before, "yaml", f"{reason}; remove this character")


class _Builder:
    """Builds nodes from events, with a stack of its own."""

    def __init__(self, source: Source) -> None:
        self.root: Node | None = None
        self._source = source
        self._open: list[
            tuple[Node, Node | None]
        ] = []  # collections under way; of a dict, the key that waits
        self._documents = self._values = 0

    def take(self, event: Any) -> bool:
        """Take the next event; False if there is no sense in going on."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._source.report(_at(event), "documents", "a second document begins; keep one per file")
                return False
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.NodeEvent):
            return self._node(event)
        return True

    def _node(self, event: Any) -> bool:
        node = _at(event)
        self._values += 1
        if self._values > VALUES_LIMIT:
            message = f"these are more than {VALUES_LIMIT} keys and values; keep data in a file of its own"
            self._source.report(node, "too_many", message)
            return False
        self._refuse(event, node)
        if isinstance(event, yaml.ScalarEvent):
            node.value = self._scalar(event, node)
        elif isinstance(event, yaml.CollectionStartEvent):
            node.value = {} if isinstance(event, yaml.MappingStartEvent) else []
            if len(self._open) >= DEPTH_LIMIT:
                self._source.report(
                    node, "too_deep", f"this is nested more than {DEPTH_LIMIT} levels deep; flatten it"
                )
                return False
        self._place(node, event)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((node, None))
        return True

    def _refuse(self, event: Any, node: Node) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._source.report(node, "alias", f"*{event.anchor} is an alias; write the value out")
        elif event.anchor:
            self._source.report(
                node, "anchor", f"&{event.anchor} is an anchor; write the value out where it is used"
            )
        if getattr(event, "tag", None):
            self._source.report(
                node, "tag", f"{event.tag} is a YAML tag; remove it, and quote what is to be text"
            )

    def _place(self, node: Node, event: Any) -> None:
        if not self._open:
            self.root = node
            return
        parent, key = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif key is None:
            self._open[-1] = (parent, self._key(parent, node, event))
        else:
            parent.value[key.value] = node
            parent.keys[key.value] = key
            self._open[-1] = (parent, None)

    def _key(self, parent: Node, node: Node, event: Any) -> Node:
        if not isinstance(event, yaml.ScalarEvent):
            self._source.report(
                node, "key", "a key must be text; quote it, or the whole value if it begins with {{"
            )
            return Node("", node.line, node.column)
        if event.value in parent.keys:
            first = parent.keys[event.value].line
            message = f"the key {event.value[:40]!r} is already in line {first}; remove one of them"
            self._source.report(node, "duplicate_key", message)
        return Node(event.value, node.line, node.column)

    def _scalar(self, event: Any, node: Node) -> Any:
        text = event.value
        if "\0" in text:
            self._source.report(node, "nul", "there is a NUL character; remove it")
        if event.style:
            return text
        return _WORDS[text] if text in _WORDS else self._number(text, node)

    def _number(self, text: str, node: Node) -> Any:
        match = _NUMBER.fullmatch(text)
        if not match:
            return text
        try:
            value = float(text) if match[2] or match[3] else int(text)
            endless = math.isinf(value)
        except (ValueError, OverflowError):  # an integer of more than 4,300 digits, or than a float can hold
            value, endless = math.inf, True
        if endless:
            self._source.report(node, "number", "this number is too large; quote it if it is text")
        return value


def _at(event: Any) -> Node:
    start, end = event.start_mark, event.end_mark
    return Node(None, start.line + 1, start.column + 1, (start.index, end.index))
