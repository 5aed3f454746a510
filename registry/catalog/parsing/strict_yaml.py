"""A strict YAML reader: the subset that is JSON, with the place of every value.

No anchors or aliases, no tags, no duplicate keys, one document; plain scalars are numbers, booleans and
null only where JSON has them, so that ``no``, ``1:30`` and ``2024-01-01`` stay text. It is built on the
parser's events: nothing is expanded or constructed, and no input makes it recurse.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import yaml

from registry.catalog.parsing import surrogates, yaml_errors
from registry.catalog.parsing.nodes import Finding, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry.catalog.parsing.surrogates import Restore

SIZE_LIMIT = 256 << 10  # bytes of a prompt file
DEPTH_LIMIT = 64  # levels; far below the limits of JSON readers
VALUES_LIMIT = 20_000  # keys and values; they take some 50 ms, and an honest file has some dozens
FINDINGS_LIMIT = 100  # per file; more are not read, and a hostile file has a quarter of a million

LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # the beginning of each LFS pointer
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMERIC = "-0123456789"  # possible first characters of a number
_WORDS = {"null": None, "": None, "true": True, "false": False}


class Source:
    """One file, read as far as possible.

    Attributes:
        root: its content; None if it could not be read.
        findings: those so far; readers of the root may add more.
    """

    def __init__(self, content: bytes) -> None:
        self.findings: list[Finding] = []
        self.root: Node | None = None
        self._text = ""
        self._said = 0  # findings that count against the limit
        text = self._decode(content)
        if text is not None:
            self._text = text.removeprefix("\ufeff")
            self._parse()

    @property
    def top(self) -> dict[str, Node]:
        """The values of the file by their keys; none if it is no mapping."""
        return self.root.value if self.root and isinstance(self.root.value, dict) else {}

    def report(self, at: Node, code: str, message: str) -> None:
        """Report an error or a warning; the code decides which."""
        self._add(at.line, at.column, code, message)

    def refuse(self, at: Node, code: str, message: str) -> None:
        """Report an error that takes something out of the document; no number of warnings hides the first."""
        if not self.full or not any(finding.severity == "error" for finding in self.findings):
            self.findings.append(Finding(at.line, at.column, code, message))
            self._said += 1

    def report_all(self, found: Iterable[tuple[Node, str, str]]) -> None:
        """Report several findings that count as one: a file full of odd keys must not silence its errors."""
        if not self.full:
            self.findings += [Finding(at.line, at.column, code, message) for at, code, message in found]
            self._said += 1

    @property
    def full(self) -> bool:
        """Whether enough was reported: more would not be read, and checking takes time."""
        return self._said >= FINDINGS_LIMIT

    def within(self, node: Node, offset: int, token: str) -> Node:
        """Return the place of a token that is at this offset of a text's value.

        Indentation, folding and escapes make offsets of value and source differ, so the token is
        counted: the third one of the value is the third one of the source. If a break or an escape is
        inside the token itself, the place is that of the text.
        """
        if self.full:
            return node
        found = node.start - 1
        for _ in range(node.value.count(token, 0, offset) + 1):
            found = self._text.find(token, found + 1, node.end)
            if found < 0:
                return node
        breaks = list(yaml_errors.BREAK.finditer(self._text, node.start, found))
        column = found - breaks[-1].end() + 1 if breaks else node.column + found - node.start
        return Node(token, node.line + len(breaks), column)

    def written(self, node: Node) -> str:
        """Return a number as it is written in the file."""
        return self._text[node.start : node.end]

    def _add(self, line: int, column: int, code: str, message: str) -> None:
        if not self.full:
            self.findings.append(Finding(line, column, code, message))
            self._said += 1

    def _decode(self, content: bytes) -> str | None:
        if len(content) > SIZE_LIMIT:
            self._add(1, 1, "too_large", f"the file has {len(content)} bytes; keep it below 256 KiB")
            return None
        if content.startswith(LFS_POINTER):
            message = "this is a pointer of Git LFS, which is not followed; take the file out of LFS:"
            self._add(1, 1, "lfs", f"{message} git lfs untrack, then git add --renormalize")
            return None
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            before = content[: error.start].decode()
            self._after(before, "not_utf8", "this is not UTF-8; save the file as UTF-8")
            return None
        if text.count("\0") > len(text) // 3:  # of plain English it is every other character in UTF-16
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
        except yaml.YAMLError as error:
            self._unreadable(error)

    def _build(self, text: str, restore: Restore | None = None) -> None:
        """Build the root; a text with surrogate pairs is read again, with stand-ins. Raises YAMLError."""
        builder = _Builder(self)
        parser = yaml.CSafeLoader(text)
        try:
            while (event := parser.get_event()) is not None:
                if restore and isinstance(event, yaml.ScalarEvent):
                    event.value = restore(event.value, event.style == '"')
                if taker := _TAKERS.get(type(event)):
                    taker(builder, event)
        except _EnoughError:
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


class _EnoughError(Exception):
    """Enough findings; stop reading."""


class _Builder:
    """Builds nodes from events, with its own stack."""

    def __init__(self, source: Source) -> None:
        self.root: Node | None = None
        self._source = source
        # Open collections; for a dict, the key whose value comes next.
        self._open: list[tuple[Node, Node | None]] = []
        self._documents = self._values = 0

    def document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._source.report(_at(event), "documents", "a second document begins; keep one per file")
            raise _EnoughError

    def scalar(self, event: Any) -> None:
        node = self._begun(event)
        if event.anchor or event.tag:
            self._refuse(event, node)
        node.value = self._scalar(event, node)
        self._place(node, event.value)

    def alias(self, event: Any) -> None:
        node = self._begun(event)
        self._source.report(node, "alias", f"*{event.anchor} is an alias; write the value out")
        self._place(node)

    def mapping(self, event: Any) -> None:
        self._collection(event, {})

    def sequence(self, event: Any) -> None:
        self._collection(event, [])

    def end(self, _: Any) -> None:
        self._open.pop()

    def _collection(self, event: Any, value: dict[str, Node] | list[Node]) -> None:
        node = self._begun(event)
        if event.anchor or event.tag:
            self._refuse(event, node)
        node.value = value
        if len(self._open) >= DEPTH_LIMIT:
            message = f"this is nested more than {DEPTH_LIMIT} levels deep; flatten it"
            self._source.report(node, "too_deep", message)
            raise _EnoughError
        self._place(node)
        self._open.append((node, None))

    def _begun(self, event: Any) -> Node:
        node = _at(event)
        self._values += 1
        if self._values > VALUES_LIMIT:
            message = f"these are more than {VALUES_LIMIT} keys and values; keep data in a file of its own"
            self._source.report(node, "too_many", message)
            raise _EnoughError
        return node

    def _refuse(self, event: Any, node: Node) -> None:
        if event.anchor:
            self._source.report(
                node, "anchor", f"&{event.anchor} is an anchor; write the value out where it is used"
            )
        if event.tag:
            self._source.report(
                node, "tag", f"{event.tag} is a YAML tag; remove it, and quote what is to be text"
            )

    def _place(self, node: Node, text: str | None = None) -> None:
        """Put a node into its parent; `text` is that of a scalar, which may become a key."""
        if not self._open:
            self.root = node
            return
        parent, key = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif key is None:
            self._open[-1] = (parent, self._key(parent, node, text))
        else:
            node.key = key
            parent.value[key.value] = node
            self._open[-1] = (parent, None)

    def _key(self, parent: Node, node: Node, text: str | None) -> Node:
        if text is None:
            self._source.report(
                node, "key", "a key must be text; quote it, or the whole value if it begins with {{"
            )
            return Node("", node.line, node.column)
        if text in parent.value:
            first = parent.key_of(text).line
            message = f"the key {text[:40]!r} is already in line {first}; remove one of them"
            self._source.report(node, "duplicate_key", message)
        node.value = text
        return node

    def _scalar(self, event: Any, node: Node) -> Any:
        text = event.value
        if "\0" in text:
            self._source.report(node, "nul", "there is a NUL character; remove it")
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        return self._number(text, node) if text[0] in _NUMERIC else text

    def _number(self, text: str, node: Node) -> Any:
        match = _NUMBER.fullmatch(text)
        if not match:
            return text
        try:
            value = float(text) if match[2] or match[3] else int(text)
            endless = math.isinf(value)
        except (ValueError, OverflowError):  # an integer of more than 4,300 digits, or too large for a float
            value, endless = math.inf, True
        if endless:
            self._source.report(node, "number", "this number is too large; quote it if it is text")
            return None  # no rule has to know infinity
        return value


def _at(event: Any) -> Node:
    start, end = event.start_mark, event.end_mark
    return Node(None, start.line + 1, start.column + 1, start.index, end.index)


_TAKERS: dict[type, Callable[[_Builder, Any], None]] = {  # a look-up, as there are dozens of events in a file
    yaml.DocumentStartEvent: _Builder.document,
    yaml.ScalarEvent: _Builder.scalar,
    yaml.AliasEvent: _Builder.alias,
    yaml.MappingStartEvent: _Builder.mapping,
    yaml.MappingEndEvent: _Builder.end,
    yaml.SequenceStartEvent: _Builder.sequence,
    yaml.SequenceEndEvent: _Builder.end,
}
