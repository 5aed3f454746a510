r"""Mustache for prompts: without HTML escaping, set delimiters, lambdas and inheritance. Pure.

A text with ``{{name}}``, sections ``{{#items}}...{{/items}}``, inverted ones ``{{^items}}...{{/items}}``,
partials ``{{> path}}`` and comments becomes a tree. ``\{{`` is a literal ``{{``. A tag that shows nothing and
has a line for itself takes the line away with it. Whatever else begins with ``{{`` is an error: nothing is
guessed.
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
    r"|\s*+>(?P<path>[^{}\n]*+)\}\}"
    r"|\s*+(?P<comment>!))"
)
_REST_OF_LINE = re.compile(r"[ \t]*+(?:\r?\n|\Z)")
_HELPER = re.compile(r"[#^/]\s*+\w++\s++\S")
_ESCAPE = "or \\{{ if it is no tag"
_FOREIGN = {  # tags of other Mustaches, by how they begin
    ">": f"a partial without a path; write one as in {{{{> shared/style.md}}}}, {_ESCAPE}",
    "=": f"a tag that sets delimiters, which are always {{{{ and }}}}; remove it, or write {_ESCAPE[3:]}",
    "<": f"inheritance, which is not there; write the text out, {_ESCAPE}",
    "$": f"a block of inheritance, which is not there; write the text out, {_ESCAPE}",
}


class TemplateError(ValueError):
    """A text is not valid Mustache.

    Attributes:
        code: ``unclosed_tag``, ``unknown_tag``, ``section`` or ``too_many``.
        offset: where the faulty tag begins in the text.
        written: the first line of that tag, as it is written.
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


class Partial(NamedTuple):
    """The place of another file's text; the registry puts it in, so that no renderer ever meets one.

    Attributes:
        path: of the file, from the prompts folder.
        indent: what each of its lines begins with.
        offset: where the tag begins in the text.
        written: the tag as it is written.
        is_inner: whether it is inside a section.
    """

    path: str
    indent: str
    offset: int
    written: str
    is_inner: bool


Node = str | Value | Section | Partial


class Use(NamedTuple):
    """One use of a name.

    Attributes:
        offset: where the tag begins in the text.
        written: the tag as it is written.
        is_section: whether it opens a section.
        is_inner: whether it is inside a section, so that the name may belong to an item.
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
        nodes: its literals, values and sections.
        uses: every use of a name, in order, without `{{.}}`.
        partials: the files that it asks for.
        plain: the text as literals and placeholders; None if it has sections or partials.
    """

    nodes: tuple[Node, ...]
    uses: tuple[Use, ...]
    partials: tuple[Partial, ...]
    plain: template.Template | None


@lru_cache(maxsize=1024)
def parse(text: str) -> Template:
    """Parse a text. Raises TemplateError for its first mistake."""
    return _Reader(text).read()


def is_portable(text: str) -> bool:
    """Tell whether a renderer that knows only ``{{name}}`` gives the same result."""
    plain = parse(text).plain
    return plain is not None and plain[:2] == template.parse(text)[:2]


def split(name: str) -> tuple[str, ...]:
    """Split a dotted name into its parts; the item has none."""
    return () if name == ITEM else tuple(name.split("."))


class _Open(NamedTuple):
    """An open section, and the nodes around it."""

    name: str
    sigil: str
    start: int
    around: list[Node]


class _Reader:
    """Parses one text from start to end; `_end` is the current position."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self._nodes: list[Node] = []
        self._literals: list[str] = []  # those that follow the nodes, not yet put together
        self._open: list[_Open] = []
        self._uses: list[Use] = []
        self._partials: list[Partial] = []
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
        return Template(tuple(self._nodes), tuple(self._uses), tuple(self._partials), _as_plain(self._nodes))

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
        if found["path"] is not None:
            self._partial(found["path"].strip(), start, found)
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

    def _partial(self, path: str, start: int, found: re.Match[str]) -> None:
        if not path:
            raise self._unreadable(start)
        line, end = self._line(start, found.end())
        self._literal(line, end)
        self._join()
        written = _first_line(found.group())
        partial = Partial(path, self._text[line:start], start, written, bool(self._open))
        self._nodes.append(partial)
        self._partials.append(partial)

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
        """Keep the text up to one place as a literal, and continue at another."""
        if until > self._end:
            self._literals.append(self._text[self._end : until])
        self._end = end

    def _join(self) -> None:
        """Join the pending literals into one node."""
        if self._literals:
            self._nodes.append("".join(self._literals))
            self._literals = []

    def _line(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of a tag without output: its whole line, if it is alone there."""
        text = self._text
        line = text.rfind("\n", self._end, start) + 1
        if not line:
            if self._end and text[self._end - 1] != "\n":  # another tag is before it
                return start, end
            line = self._end
        rest = _REST_OF_LINE.match(text, end)
        return (line, rest.end()) if rest and not text[line:start].strip(_BLANK) else (start, end)

    def _unreadable(self, start: int) -> TemplateError:
        """Explain why a tag cannot be read."""
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
    """Return the nodes as literals and names in turn, if they have no sections."""
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
