"""Messages of a document in Mustache, with values in the places of their names.

Strict: a name that leads nowhere is an error that says where, never an empty text. A value is put in as it
is and never read as a template. A name is looked for in the item of the innermost section, then outwards;
among the variables the whole name counts first, so that ``user.name`` may be one variable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from promptstage import limits, mustache
from promptstage.errors import PromptTooLarge, VariablesMissing
from promptstage.mustache import Value
from promptstage.rendering import Renderer

if TYPE_CHECKING:
    from promptstage.model import Document
    from promptstage.mustache import Node, Section, Template
    from promptstage.template import Template as Plain

_ABSENT: Final = object()
_BYTES = (bytes, bytearray, memoryview)
_MAPPINGS = (dict, Mapping)  # the first is what nearly all are, and is found at once
_LISTS = (list, tuple, Sequence)


def make_renderer(name: str, document: Document) -> Renderer:
    """Return the renderer for the language of a document's templates."""
    return (MustacheRenderer if document.language == mustache.LANGUAGE else Renderer)(name, document)


class MustacheRenderer(Renderer):
    """Renders one document in Mustache again and again; without sections as fast as any other."""

    __slots__ = ("_chained", "_optional", "_required", "_templates")

    def __init__(self, name: str, document: Document) -> None:
        self._templates = [mustache.parse(message.content) for message in document.messages]
        super().__init__(name, document)
        declared = {variable.name for variable in document.variables}
        uses = [use for template in self._templates for use in template.uses]
        outer = [use.name for use in uses if not (use.is_section or use.is_inner)]
        required = [variable.name for variable in document.variables if variable.required]
        self._required = list(dict.fromkeys([*required, *(n for n in outer if n not in declared)]))
        self._optional = [(v.name, v.default) for v in document.variables if not v.required]
        # Of ``user.name``, where `user` is a variable that need not be given.
        optional = {name for name, _ in self._optional}
        chains = dict.fromkeys(use.name for use in uses if use.name not in declared)
        self._chained = [(n, mustache.split(n)[0]) for n in chains if mustache.split(n)[0] in optional]

    def _plain(self) -> list[Plain] | None:
        plain = [template.plain for template in self._templates]
        return None if None in plain else [template for template in plain if template]

    def messages(self, given: Mapping[str, Any]) -> list[dict[str, str]]:
        """A new list of ``{"role": ..., "content": ...}``.

        Raises:
            VariablesMissing: required variables were not given, or are None; or an item lacks a name.
            PromptTooLarge: the values would make too large a text.
        """
        messages = super().messages(given)
        characters = 0
        for message in messages:
            characters += len(message["content"])
        if characters > limits.RENDERED_BYTES // 4:  # else no encoding makes too much of them
            written = (message["content"].encode("utf-8", "surrogatepass") for message in messages)
            if sum(map(len, written)) > limits.RENDERED_BYTES:
                raise PromptTooLarge(_too_large(self._name))
        return messages

    def _slowly(self, given: Mapping[str, object]) -> list[dict[str, str]]:
        rendering = _Rendering(self._name, self._values(given))
        roles = (message.role for message in self._document.messages)
        texts = map(rendering.text, self._templates)
        return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]

    def _values(self, given: Mapping[str, object]) -> dict[str, Any]:
        """The variables by name: what was given, and the defaults."""
        values = {name: value for name, value in given.items() if value is not None}
        for name, default in self._optional:
            if _is_nothing(_find(values, name, mustache.split(name))):
                values[name] = "" if default is None else default
        for name, first in self._chained:
            if given.get(first) is None and name not in values:
                values[name] = ""
        missing = [n for n in self._required if _is_nothing(_find(values, n, mustache.split(n)))]
        if missing:
            told = [n for n in missing if n.partition(".")[0] not in missing or "." not in n]
            raise VariablesMissing(self._name, tuple(told))
        return values


class _Lacking(Exception):
    """A name in a section leads nowhere; `places` are the sections from the inside out."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        self.places: list[str] = []


class _Rendering:
    """One rendering of all messages: the values that can be seen, and what is left of the bounds."""

    def __init__(self, prompt: str, values: Any) -> None:
        self._prompt = prompt
        self._frames = [values]  # the variables, then the items of the open sections
        self._characters = limits.RENDERED_BYTES
        self._nodes = limits.RENDERED_NODES

    def text(self, template: Template) -> str:
        """Render one text. Raises VariablesMissing, PromptTooLarge."""
        written: list[str] = []
        try:
            self._write(template.nodes, written)
        except _Lacking as lacking:
            place = ".".join(reversed(lacking.places)).replace(".[", "[")
            raise VariablesMissing(self._prompt, (lacking.name,), place) from None
        return "".join(written)

    def _write(self, nodes: tuple[Node, ...], written: list[str]) -> None:
        self._nodes -= len(nodes) + 1
        if self._nodes < 0:
            raise PromptTooLarge(
                f"{self._prompt} has more than {limits.RENDERED_NODES} texts and tags with these values; "
                "give shorter lists"
            )
        for node in nodes:
            if type(node) is str:
                text = node
            elif type(node) is Value:
                value = self._value(node)
                text = value if type(value) is str else as_text(value)
            else:
                self._section(node, written)  # type: ignore[arg-type]  # there is no third kind
                continue
            written.append(text)
            self._characters -= len(text)
            if self._characters < 0:
                raise PromptTooLarge(_too_large(self._prompt))

    def _section(self, section: Section, written: list[str]) -> None:
        value = self._look_up(section)
        if section.inverted or is_false(value):
            if section.inverted and is_false(value):
                self._inner(section, written)
            return
        frames = self._frames
        frames.append(value)
        if is_list(value):
            for index, frames[-1] in enumerate(value):
                self._inner(section, written, index)
        else:
            self._inner(section, written)
        frames.pop()

    def _inner(self, section: Section, written: list[str], index: int | None = None) -> None:
        try:
            self._write(section.inner, written)
        except _Lacking as lacking:
            name = section.name if section.parts else ""
            lacking.places.append(name if index is None else f"{name}[{index}]")
            raise

    def _value(self, tag: Value) -> object:
        found = self._look_up(tag)
        if found is _ABSENT:
            raise _Lacking(tag.name)
        return found

    def _look_up(self, tag: Value | Section) -> Any:
        frames = self._frames
        if not tag.parts:
            return frames[-1]
        first = tag.parts[0]
        for depth in range(len(frames) - 1, 0, -1):
            frame = frames[depth]
            if isinstance(frame, _MAPPINGS) and first in frame:
                return _walk(frame, tag.parts)
        return _find(frames[0], tag.name, tag.parts)


def as_text(value: object) -> str:
    """A value as it stands in a text: mappings and lists as compact JSON, None as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _MAPPINGS) or is_list(value):
        from json import dumps  # noqa: PLC0415 - who imports the client alone does not pay for it

        return dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_json)
    return str(value)


def _as_json(value: object) -> object:
    """What JSON has in place of a value that it does not know."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and is_list(value) else str(value)


def is_list(value: object) -> bool:
    """Whether a section goes through a value, item by item."""
    return isinstance(value, _LISTS) and not isinstance(value, (str, *_BYTES))


def is_false(value: object) -> bool:
    """Whether a section of a value is left out; 0 is a number like any other."""
    if value is None or value is False or value is _ABSENT:
        return True
    return isinstance(value, (str, *_MAPPINGS, *_LISTS)) and not value


def _find(values: Any, name: str, parts: tuple[str, ...]) -> Any:
    """The value of a name among the variables: the whole name counts first, then its parts."""
    if not isinstance(values, _MAPPINGS):
        return _ABSENT
    return values[name] if name in values else _walk(values, parts)


def _walk(value: Any, parts: tuple[str, ...]) -> Any:
    for part in parts:
        if not isinstance(value, _MAPPINGS) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def _is_nothing(value: object) -> bool:
    return value is None or value is _ABSENT


def _too_large(prompt: str) -> str:
    return (
        f"{prompt} has more than {limits.RENDERED_BYTES >> 20} MiB of text with these values; "
        "give shorter ones, or fewer"
    )
