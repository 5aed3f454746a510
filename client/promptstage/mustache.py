r"""Mustache as prompts have it: without escaping for HTML, delimiters of its own, and logic in the values.

A text with ``{{name}}``, sections ``{{#items}}...{{/items}}``, inverted ones ``{{^items}}...{{/items}}`` and
comments becomes a tree. ``\{{`` is a literal ``{{``. A tag that shows nothing and has a line for itself takes
the line away with it. Whatever else begins with ``{{`` is an error: nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from promptstage import template

LANGUAGE = "mustache"  # what the documents call it
NESTING = 32  # sections within each other; rendering recurses
TAGS = 10_000  # in a text; they take some 40 ms, and a text that is no attack has some dozens
SHOWN = 60  # characters of a tag in an error
ITEM = "."  # the name of the item of the innermost section
_BLANK = " \t"
_TAG = re.compile(
    r"\{\{(?:"
    rf"\{{\s*+(?P<braced>{template.NAME}|\.)\s*+\}}\}}\}}"
    rf"|\s*+(?P<sigil>[#^/&]?)\s*+(?P<name>{template.NAME}|\.)\s*+\}}\}}"
    r"|\s*+(?P<comment>!))"
)
_REST_OF_LINE = re.compile(r"[ \t]*+(?:\r?\n|\Z)")
_HELPER = re.compile(r"[#^/]\s*+\w++\s++\S")
_ESCAPE = "or \\{{ if it is no tag"
_FOREIGN = {  # tags of other Mustaches, by how they begin
    ">": f"a partial, and no file is put in; write its text here, {_ESCAPE}",
    "=": f"a tag that sets delimiters, which are always {{{{ and }}}}; remove it, or write {_ESCAPE[3:]}",
    "<": f"inheritance, which is not there; write the text out, {_ESCAPE}",
    "$": f"a block of inheritance, which is not there; write the text out, {_ESCAPE}",
}


class TemplateError(ValueError):
    """A text that is no Mustache.

    Attributes:
        code: ``unclosed_tag``, ``unknown_tag``, ``section`` or ``too_many``.
        offset: where in the text the tag begins that is to blame.
        written: how it is written there, as far as its first line.
    """

    def __init__(self, code: str, message: str, offset: int, written: str) -> None:
        super().__init__(message)
        self.code = code
        self.offset = offset
        self.written = written


class Value(NamedTuple):
    """A tag that shows a value; `parts` are those of a dotted name, none for the item itself."""

    name: str
    parts: tuple[str, ...]


class Section(NamedTuple):
    """A text for each item of a list, or for a value that is true; an inverted one for one that is false."""

    name: str
    parts: tuple[str, ...]
    inverted: bool
    inner: tuple[Node, ...]


Node = str | Value | Section


class Use(NamedTuple):
    """One place at which a name stands.

    Attributes:
        offset: where in the text the tag begins.
        written: how the tag is written there.
        is_section: whether it opens a section.
        is_inner: whether it is in a section, so that the name may be that of an item.
    """

    name: str
    offset: int
    written: str
    is_section: bool
    is_inner: bool


@dataclass(frozen=True, slots=True)
class Template:
    """One parsed text.

    Attributes:
        nodes: what it is made of.
        uses: the names in it, in their order; that of the item is none.
        plain: the same as literals and placeholders; None where that cannot say it.
    """

    nodes: tuple[Node, ...]
    uses: tuple[Use, ...]
    plain: template.Template | None


@lru_cache(maxsize=1024)
def parse(text: str) -> Template:
    """Read a text. Raises TemplateError for the first thing in it that is no Mustache."""
    return _Reader(text).read()


def is_portable(text: str) -> bool:
    """Whether who knows nothing but ``{{name}}`` renders a text in the same way."""
    plain = parse(text).plain
    return plain is not None and plain[:2] == template.parse(text)[:2]


def split(name: str) -> tuple[str, ...]:
    """The parts of a dotted name."""
    return () if name == ITEM else tuple(name.split("."))


class _Open(NamedTuple):
    """A section that is not closed yet, and the nodes around it."""

    name: str
    sigil: str
    start: int
    around: list[Node]


class _Reader:
    """Reads one text from its beginning to its end; `end` is how far that is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self._nodes: list[Node] = []
        self._literals: list[str] = []  # those that follow the nodes, not yet put together
        self._open: list[_Open] = []
        self._uses: list[Use] = []
        self._tags = 0

    def read(self) -> Template:
        text = self._text
        while (start := text.find("{{", self._end)) >= 0:
            if start > self._end and text[start - 1] == "\\":
                self._literal(start - 1, start + 2)
                self._literals.append("{{")
            else:
                self._tag(start)
        self._literal(len(text), len(text))
        self._join()
        if self._open:
            name, sigil, start, _ = self._open[-1]
            what = f"{{{{{sigil}{name}}}}} is not closed; write {{{{/{name}}}}} after what belongs to it"
            raise self._error("section", what, start)
        return Template(tuple(self._nodes), tuple(self._uses), _as_plain(self._nodes))

    def _tag(self, start: int) -> None:
        found = _TAG.match(self._text, start)
        if not found:
            raise self._unreadable(start)
        self._tags += 1
        if self._tags > TAGS:
            what = f"these are more than {TAGS} tags; keep data in the values, and use a section"
            raise self._error("too_many", what, start)
        if found["comment"]:
            closed = self._text.find("}}", found.end())
            if closed < 0:
                raise self._unclosed(start, "}}")
            self._literal(*self._line(start, closed + 2))
            return
        name, sigil = found["braced"] or found["name"], found["sigil"]
        if name == ITEM and all(section.sigil == "^" for section in self._open):
            what = f"{_first_line(found.group())!r} is the item of a section, and there is none; write a name"
            raise self._error("unknown_tag", what, start)
        if sigil in {"#", "^"}:
            self._literal(*self._line(start, found.end()))
            self._begin(name, sigil, start, found.group())
        elif sigil == "/":
            self._literal(*self._line(start, found.end()))
            self._close(name, start)
        else:
            self._literal(start, found.end())
            self._use(name, start, found.group(), is_section=False)
            self._join()
            self._nodes.append(Value(name, split(name)))

    def _begin(self, name: str, sigil: str, start: int, written: str) -> None:
        if len(self._open) >= NESTING:
            what = f"these sections are nested more than {NESTING} deep; flatten the values"
            raise self._error("section", what, start)
        self._use(name, start, written, is_section=True)
        self._join()
        self._open.append(_Open(name, sigil, start, self._nodes))
        self._nodes = []

    def _close(self, name: str, start: int) -> None:
        if not self._open:
            what = f"{{{{/{name}}}}} closes nothing; write {{{{#{name}}}}} before it, or remove it"
            raise self._error("section", what, start)
        opened = self._open.pop()
        if opened.name != name:
            inner = f"{{{{{opened.sigil}{opened.name}}}}}"
            what = f"{{{{/{name}}}}} is in the section {inner}; write {{{{/{opened.name}}}}} before it"
            raise self._error("section", what, start)
        self._join()
        section = Section(name, split(name), opened.sigil == "^", tuple(self._nodes))
        self._nodes = opened.around
        self._nodes.append(section)

    def _use(self, name: str, start: int, written: str, *, is_section: bool) -> None:
        if name != ITEM:
            self._uses.append(Use(name, start, _first_line(written), is_section, bool(self._open)))

    def _literal(self, until: int, end: int) -> None:
        """Take the text up to a place as it is, and go on at another."""
        if until > self._end:
            self._literals.append(self._text[self._end : until])
        self._end = end

    def _join(self) -> None:
        """Make one node of the literals."""
        if self._literals:
            self._nodes.append("".join(self._literals))
            self._literals = []

    def _line(self, start: int, end: int) -> tuple[int, int]:
        """From where to where a tag goes that shows nothing: over its line, if it is alone there."""
        text = self._text
        line = text.rfind("\n", self._end, start) + 1
        if not line:
            if self._end and text[self._end - 1] != "\n":  # another tag is before it
                return start, end
            line = self._end
        rest = _REST_OF_LINE.match(text, end)
        return (line, rest.end()) if rest and not text[line:start].strip(_BLANK) else (start, end)

    def _unreadable(self, start: int) -> TemplateError:
        """What is wrong with a tag that does not exist."""
        text = self._text
        end = "}}}" if text.startswith("{{{", start) else "}}"
        closed = text.find(end, start)
        if closed < 0:
            return self._unclosed(start, end)
        words = text[start + len(end) : closed].strip()
        written = f"{_first_line(text[start : closed + len(end)])!r}"
        if why := _FOREIGN.get(words[:1]):
            what = f"{written} is {why}"
        elif _HELPER.match(words):
            what = f"{written} has more than a name; a section is {{{{#items}}}}...{{{{/items}}}}"
        else:
            what = f"{written} is no tag; write a name, as in {{{{name}}}}, {_ESCAPE}"
        return self._error("unknown_tag", what, start)

    def _unclosed(self, start: int, end: str) -> TemplateError:
        written = _first_line(self._text[start : start + SHOWN])
        return self._error(
            "unclosed_tag", f"{written!r} is not closed; write {end} after it, {_ESCAPE}", start
        )

    def _error(self, code: str, message: str, start: int) -> TemplateError:
        closed = self._text.find("}}", start)
        end = closed + 2 if closed >= 0 else len(self._text)
        return TemplateError(code, message, start, _first_line(self._text[start:end]))


def _first_line(text: str) -> str:
    return text[:SHOWN].partition("\n")[0].rstrip("\r")


def _as_plain(nodes: list[Node]) -> template.Template | None:
    """Literals and names in turn, if the nodes are nothing else."""
    literals, names = [""], []
    for node in nodes:
        if isinstance(node, str):
            literals[-1] = node  # two literals are never side by side
        elif isinstance(node, Value) and node.parts:
            names.append(node.name)
            literals.append("")
        else:
            return None
    return template.Template(tuple(literals), tuple(names), (), ())
