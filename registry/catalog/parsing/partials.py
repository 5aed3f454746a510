"""Put partials into the texts of a prompt file: files of the same commit, named by their paths. Pure.

The content of a version with partials is all of its files: of each ``path NUL length NUL bytes``, the
prompt file first, the others in bytewise order of their paths, which begin at the prompts folder. So its
digest is the SHA-256 of its content, as it is for a version without partials, whose content is the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from promptstage import mustache
from promptstage.mustache import Partial, Section, TemplateError, Value
from registry.catalog.parsing.strict_yaml import LFS_POINTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.mustache import Node, Template, Use

DEPTH = 8  # partials within each other; nobody follows more
FILES = 32  # of a prompt, directly and through others
FILE_SIZE = 64 << 10  # bytes of one
SIZE = 256 << 10  # bytes of all of them, as of a prompt file; and characters of a text with them put in
TAGS = mustache.TAGS // 2  # of a text in its partials, which are parsed once more where they are put in
_DIGITS = 9  # of a size in a version's content
PATH_LENGTH = 400  # characters
TOO_LARGE = f"has more than {FILE_SIZE >> 10} KiB; shorten the file, or split it"
NUL = b"\0"
_LINE = re.compile(r"^(?=[^\r\n])", re.MULTILINE)  # an empty line stays empty

Files = Mapping[str, bytes | str]
"""By path from the prompts folder: the bytes of a partial, or why it cannot be put in, as in "is ..."."""

_TAG = re.compile(r"\{\{\s*>\s*([^{}\s](?:[^{}\n]*[^{}\s])?)\s*\}\}")
# A space may be one of Unicode's, or an escape of YAML's; an escape by number may be any character of a tag,
# and one of a line's end joins what is on both sides. Others, such as \n in a text, write no part of a tag.
_MAY_ASK = re.compile(rb"\{\{\{?(?:[^!-~]|\\.)*>|\\[xuU\r\n]")


def may_ask(content: bytes) -> bool:
    """Tell whether a file may have partials, without parsing it."""
    return _MAY_ASK.search(content) is not None


def wrong_path(path: str) -> str:
    """Return why a path cannot name a partial, as in "leaves ..."; empty if it can."""
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        return "leaves the prompts folder; write its path from there"
    if not path.isprintable() or "\\" in path or {"", "."} & set(parts):
        return "is no path of a file; write it from the prompts folder, as in shared/style.md"
    if len(path) > PATH_LENGTH:
        return f"has more than {PATH_LENGTH} characters; choose a shorter path"
    return ""


def pack(path: str, content: bytes, files: Files) -> bytes:
    """Return the content of a version: its prompt file at this path, and the partials that can be put in."""
    others = [(name.encode(), data) for name, data in files.items() if isinstance(data, bytes)]
    if not others:
        return content
    every = [(path.encode(), content), *sorted(others)]
    return b"".join(b"%s\0%d\0%s" % (name, len(data), data) for name, data in every)


def unpack(content: bytes) -> dict[str, bytes]:
    """Return the files of a version's content, the prompt file first; a file alone has an empty path."""
    files: dict[str, bytes] = {}
    start = 0
    while start < len(content):
        named = content.find(NUL, start)
        sized = content.find(NUL, named + 1)
        size = content[named + 1 : sized]
        if min(named, sized) < 0 or not size.isdigit() or len(size) > _DIGITS:
            return {"": content}
        begin = sized + 1
        files[content[start:named].decode("utf-8", "replace")] = content[begin : begin + int(size)]
        start = begin + int(size)
    return files if start == len(content) and files else {"": content}


def split(content: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Return the prompt file of a version's content, and its partials."""
    (_, file), *others = unpack(content).items()
    return file, dict(others)


def as_read(content: bytes) -> list[str]:
    """Return the lines of a version's prompt file, with its partials in place of their tags, for people."""
    file, files = split(content)
    room = 2 * SIZE  # tags in comments are not counted where a file is read

    def put_in(text: str, depth: int) -> Iterator[str]:
        nonlocal room
        for line in text.splitlines():
            indent = line[: len(line) - len(line.lstrip())]
            whole = line
            for tag in _TAG.finditer(line):
                data = files.get(tag[1])
                if isinstance(data, bytes) and depth and room > 0:
                    inner = f"\n{indent}".join(put_in(data.decode("utf-8", "replace"), depth - 1))
                    whole = whole.replace(tag[0], inner, 1)
            room -= len(whole)
            yield from whole.split("\n")

    return list(put_in(file.decode("utf-8", "replace"), DEPTH))


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its partials put in.

    Attributes:
        text: as the document holds it.
        uses: the names in it; the place of a name in a partial is that of the tag.
        missing: the paths of partials that were not given, with the tags that lead to them.
    """

    text: str
    uses: tuple[Use, ...]
    missing: Mapping[str, Partial] = field(default_factory=dict)


class PartialWrong(ValueError):
    """A partial cannot be put in; `tag` is the one of the prompt file that asks for it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.tag: Partial


def expand(text: str, files: Files) -> Expanded:
    """Put the partials into a text.

    Args:
        text: the template.
        files: the partials by path, as in `Files`.

    Raises:
        TemplateError: the text itself is no Mustache.
        PartialWrong: a partial cannot be put in.
    """
    template = mustache.parse(text)
    if not template.partials:
        return Expanded(text, template.uses)
    expansion = _Expansion(files)
    nodes, uses = expansion.put_in(template, ())
    if expansion.missing:
        return Expanded(text, template.uses, expansion.missing)
    written = _Writer().write(nodes)
    try:
        is_same = mustache.parse(written).nodes == nodes
    except TemplateError as error:
        raise expansion.wrong(str(error)) from error
    if not is_same:
        raise expansion.wrong("begins or ends with half a tag; complete it there")
    return Expanded(written, uses)


class _Expansion:
    """One text with its partials: what was met, and what is left of the bounds."""

    def __init__(self, files: Files) -> None:
        self.missing: dict[str, Partial] = {}
        self._files = files
        self._met: dict[str, int] = {}  # bytes by path
        self._size = self._uses = 0
        self._tag: Partial  # of the text itself

    def wrong(self, message: str, path: str = "") -> PartialWrong:
        """Build the error of the current tag of the text; `path` is what is wrong, if others lead to it."""
        indirect = f"asks for {path}, which " if path not in {"", self._tag.path} else ""
        error = PartialWrong(f"{self._tag.written!r} {indirect}{message}")
        error.tag = self._tag
        return error

    def put_in(self, template: Template, stack: tuple[str, ...]) -> tuple[tuple[Node, ...], tuple[Use, ...]]:
        """Return the nodes and uses of a text within the partials of a stack."""
        found: dict[Partial, tuple[Node, ...]] = {}
        uses: list[tuple[int, tuple[Use, ...]]] = [(use.offset, (use,)) for use in template.uses]
        for tag in template.partials:
            if not stack:
                self._tag = tag
            found[tag], inner = self._read(tag, stack)
            if tag.is_inner:
                inner = tuple(use if use.is_inner else use._replace(is_inner=True) for use in inner)
            if not stack:  # once for each use, however deep it is
                inner = tuple(use._replace(offset=tag.offset, written=tag.written) for use in inner)
            uses.append((tag.offset, inner))
        uses.sort(key=itemgetter(0))
        return _spliced(template.nodes, found), tuple(use for _, some in uses for use in some)

    def _read(self, tag: Partial, stack: tuple[str, ...]) -> tuple[tuple[Node, ...], tuple[Use, ...]]:
        path = tag.path
        if why := wrong_path(path):
            raise self.wrong(why, path)
        way = " -> ".join((*stack, path))
        if path in stack:
            raise self.wrong(f"asks for itself: {way}; remove one of these tags")
        if len(stack) >= DEPTH:
            raise self.wrong(f"is nested more than {DEPTH} deep: {way}; put some texts together")
        data = self._files.get(path)
        if data is None:
            self.missing.setdefault(path, self._tag)
            return (), ()
        text = self._text(path, data)
        self._size += len(text) + 1 + len(tag.indent) * (text.count("\n") + 1)
        if self._size > SIZE:
            raise self.wrong(f"makes a text of more than {SIZE >> 10} KiB; put fewer partials in")
        try:
            template = mustache.parse(_LINE.sub(tag.indent, text) if tag.indent else text)
        except TemplateError as error:
            line = text.count("\n", 0, error.offset) + 1
            raise self.wrong(f"cannot be put in: line {line} of {path}: {error}") from error
        self._uses += len(template.uses)
        if self._uses > TAGS:
            raise self.wrong(f"makes a text of more than {TAGS} tags; put fewer partials in")
        return self.put_in(template, (*stack, path))

    def _text(self, path: str, data: bytes | str) -> str:
        if isinstance(data, str):
            raise self.wrong(data, path)
        self._met[path] = len(data)
        if len(data) > FILE_SIZE:
            raise self.wrong(TOO_LARGE, path)
        if len(self._met) > FILES or sum(self._met.values()) > SIZE:
            most = f"{FILES} partials with {SIZE >> 10} KiB"
            raise self.wrong(f"is one too many: a prompt has at most {most}; put some texts together")
        if data.startswith(LFS_POINTER):
            raise self.wrong("is in Git LFS, and only a pointer is here; take it out of LFS", path)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise self.wrong("is no text in UTF-8; save it as UTF-8, or choose another file", path)
        return text.removeprefix("\ufeff")


def _spliced(nodes: tuple[Node, ...], found: Mapping[Partial, tuple[Node, ...]]) -> tuple[Node, ...]:
    """Put the nodes of partials in their places; texts side by side become one."""
    whole: list[Node] = []
    for node in nodes:
        if isinstance(node, Partial):
            some: tuple[Node, ...] = found[node]
        elif isinstance(node, Section):
            some = (node._replace(inner=_spliced(node.inner, found)),)
        else:
            some = (node,)
        for one in some:
            if isinstance(one, str) and whole and isinstance(whole[-1], str):
                whole[-1] += one
            else:
                whole.append(one)
    return tuple(whole)


class _Writer:
    """Writes nodes as a text that is parsed to the same nodes, with sections in lines of their own."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self._line = ""  # what the current line has so far

    def write(self, nodes: tuple[Node, ...]) -> str:
        """Return the text."""
        self._write(nodes)
        return "".join(self._written)

    def _write(self, nodes: tuple[Node, ...]) -> None:
        for node in nodes:
            if isinstance(node, str):
                self._add(node.replace("{{", r"\{{"))
            elif isinstance(node, Section):
                self._mark(f"{{{{{'^' if node.inverted else '#'}{node.name}}}}}")
                self._write(node.inner)
                self._mark(f"{{{{/{node.name}}}}}")
            elif isinstance(node, Value):  # no partial is left
                self._add(f"{{{{{node.name}}}}}")

    def _mark(self, tag: str) -> None:
        """Write a tag that shows nothing."""
        if not self._line:
            self._written.append(f"{tag}\n")  # the parser takes this line away
        else:
            # With a comment before it, it is not alone in its line, which so stays as it is.
            self._add(tag if self._line.strip() else f"{{{{!}}}}{tag}")

    def _add(self, text: str) -> None:
        self._written.append(text)
        _, newline, line = text.rpartition("\n")
        self._line = line if newline else self._line + text
