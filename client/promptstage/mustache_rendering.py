"""Render the messages of a document in Mustache.

Strict: an unknown name is an error with its place, never an empty text. A value is inserted once, and never
parsed as a template. A name is looked up in the item of the innermost section, then outwards; among the
variables the whole name comes first, so that ``user.name`` may be one variable.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from promptstage import limits, mustache
from promptstage.errors import PromptTooLarge, VariablesMissing
from promptstage.mustache import Section
from promptstage.rendering import Renderer

if TYPE_CHECKING:
    from promptstage.model import Document
    from promptstage.mustache import Template, Value
    from promptstage.template import Template as Plain

_ABSENT: Final = object()
_NUMBERS = frozenset((int, float, bool))
_PLAIN = frozenset((str, dict, list, type(None), *_NUMBERS))  # their kind is known without asking
_TEXTS = (str, bytes, bytearray, memoryview)


class MustacheRenderer(Renderer):
    """Renders one document in Mustache repeatedly; what can be prepared is, once."""

    __slots__ = ("_chained", "_longest", "_optional", "_required", "_templates")

    def __init__(self, name: str, document: Document) -> None:
        self._templates = [mustache.parse(text) for text in document.texts]
        super().__init__(name, document)
        declared = {variable.name for variable in document.variables}
        uses = [use for template in self._templates for use in template.uses]
        outer = [use.name for use in uses if not (use.is_section or use.is_inner)]
        required = [variable.name for variable in document.variables if variable.required]
        self._required = list(dict.fromkeys([*required, *(n for n in outer if n not in declared)]))
        self._optional = [(v.name, v.default) for v in document.variables if not v.required]
        # Longer values take the slow way, which counts what it writes.
        literals = sum(map(len, self._texts))
        self._longest = max(0, limits.RENDERED_BYTES // 4 - literals) // max(1, len(uses))
        # Names such as ``user.name``, where `user` is an optional variable.
        optional = {name for name, _ in self._optional}
        chains = dict.fromkeys(use.name for use in uses if use.name not in declared)
        self._chained = [(n, mustache.split(n)[0]) for n in chains if mustache.split(n)[0] in optional]

    def _plain(self) -> list[Plain] | None:
        plain = [template.plain for template in self._templates]
        return None if None in plain else [template for template in plain if template]

    def messages(self, given: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return a new list of ``{"role": ..., "content": ...}``.

        Raises:
            VariablesMissing: required variables are missing or None, or an item lacks a name.
            PromptTooLarge: the text would be too large.
        """
        # As the base class does it, with one look at each value for both its type and its length. Shared code
        # would make a text of the first edition a tenth slower.
        if not self._safe:
            return self._slowly(given)
        longest = self._longest
        for value in given.values():
            if type(value) is not str or len(value) > longest:
                return self._slowly(given)
        messages = []
        try:
            for role, parts, pick in self._prepared:
                filled = parts.copy()
                filled[1::2] = pick(given)
                messages.append({"role": role, "content": "".join(filled)})
        except KeyError:
            return self._slowly(given)
        return messages

    def _slowly(self, given: Mapping[str, object]) -> list[dict[str, str]]:
        rendering = _Rendering(self._name, self._values(given))
        texts = [rendering.text(template) for template in self._templates]
        if sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) > limits.RENDERED_BYTES:
            raise PromptTooLarge(_too_large(self._name))
        return [{"role": role, "content": text} for role, text in zip(self._roles, texts, strict=True)]

    def _values(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Return the variables by name: the given ones and the defaults. Raises VariablesMissing."""
        values = {name: value for name, value in given.items() if value is not None}
        for name, default in self._optional:
            if _is_nothing(_find(values, name, mustache.split(name))):
                values[name] = "" if default is None else default
        for name, first in self._chained:
            if given.get(first) is None and name not in values:
                values[name] = ""
        missing = dict.fromkeys(n for n in self._required if _is_nothing(_find(values, n, mustache.split(n))))
        if missing:
            told = (n for n in missing if "." not in n or n.partition(".")[0] not in missing)
            raise VariablesMissing(self._name, tuple(told))
        return values


class _Lacking(Exception):
    """A name inside a section is unknown; `places` are the sections from the inside out."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        self.places: list[str] = []


class _Rendering:
    """One rendering of all messages: the values in scope, and what is left of the bounds."""

    def __init__(self, prompt: str, values: Mapping[str, Any]) -> None:
        self._prompt = prompt
        self._values = values
        self._items: list[Any] = []  # mappings of the open sections
        self._item: Any = values  # the one of the innermost section
        self._characters = limits.RENDERED_BYTES
        self._nodes = limits.RENDERED_NODES
        self._measured: set[int] = set()  # ids of values, which live as long as the rendering

    def text(self, template: Template) -> str:
        """Render one text. Raises VariablesMissing, PromptTooLarge."""
        written: list[str] = []
        try:
            self._write(template.nodes, written)
        except _Lacking as lacking:
            place = ".".join(reversed(lacking.places)).replace(".[", "[")
            raise VariablesMissing(self._prompt, (lacking.name,), place) from None
        return "".join(written)

    def _write(self, nodes: tuple[Any, ...], written: list[str]) -> None:  # texts, values and sections
        self._nodes -= len(nodes) + 1
        if self._nodes < 0:
            raise PromptTooLarge(
                f"{self._prompt} has more than {limits.RENDERED_NODES} texts and tags with these values, as "
                "many as 1 MiB of text should need; give shorter lists"
            )
        for node in nodes:
            if isinstance(node, str):
                text = node
            else:
                value = self._look_up(node)
                if isinstance(node, Section):
                    if is_false(value) is node.inverted:
                        self._section(node, value, written)
                    continue
                if value is _ABSENT:
                    raise _Lacking(node.name)
                text = value if type(value) is str else self._as_text(node.name, value)
            written.append(text)
            self._characters -= len(text)
            if self._characters < 0:
                raise PromptTooLarge(_too_large(self._prompt))

    def _section(self, section: Section, value: Any, written: list[str]) -> None:
        is_many, index = False, 0
        try:
            if section.inverted:
                self._write(section.inner, written)
            else:
                outer = self._item
                is_many = is_list(value)
                for index, item in enumerate(value if is_many else (value,)):  # noqa: B007 - told if it lacks a name
                    self._item = item
                    if _is_mapping(item):
                        self._items.append(item)
                        self._write(section.inner, written)
                        self._items.pop()
                    else:
                        self._write(section.inner, written)
                self._item = outer
        except _Lacking as lacking:
            name = section.name if section.parts else ""
            lacking.places.append(f"{name}[{index}]" if is_many else name)
            raise

    def _as_text(self, name: str, value: object) -> str:
        if type(value) not in _NUMBERS:
            self._nodes -= limits.RENDERED_JSON
            if id(value) not in self._measured:  # a look at each item takes longer than their JSON
                if _is_too_large(value):
                    raise PromptTooLarge(_too_large(self._prompt))
                self._measured.add(id(value))
        try:
            return as_text(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(
                f"{name} of {self._prompt} cannot be written as text: {error}; give a text, or plain lists "
                "and mappings"
            ) from error

    def _look_up(self, tag: Value | Section) -> Any:
        parts = tag.parts
        if not parts:
            return self._item
        first = parts[0]
        for item in reversed(self._items):
            if first in item:
                return item[first] if len(parts) == 1 else _walk(item, parts)
        values = self._values
        return values[first] if len(parts) == 1 and first in values else _find(values, tag.name, parts)


def as_text(value: object) -> str:
    """Return a value as text: mappings and lists as compact JSON, None as an empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if _is_mapping(value) or is_list(value):
        from json import dumps  # noqa: PLC0415 - who imports the client alone does not pay for it

        return dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_json)
    return str(value)


def _is_too_large(value: object) -> bool:
    """Tell whether the JSON of a value is too large in any case, before it takes time and memory."""
    left = limits.RENDERED_BYTES
    waiting: list[Any] = [value]
    while waiting and left >= 0:
        one = waiting.pop()
        if isinstance(one, str):
            left -= len(one)
        elif _is_mapping(one) or is_list(one):
            left -= 2 * len(one)  # a digit and a comma each
            if left >= 0:
                items = one.values() if _is_mapping(one) else one
                waiting += [item for item in items if type(item) not in _NUMBERS]
    return left < 0


def _as_json(value: Any) -> object:
    """Convert a value that the JSON encoder does not know."""
    if _is_mapping(value):
        return dict(value)
    return list(value) if is_list(value) else str(value)


def _is_mapping(value: object) -> bool:
    """Tell whether a value has names; the check of an abstract class is slow, and seldom needed."""
    return type(value) is dict or (type(value) not in _PLAIN and isinstance(value, Mapping))


def is_list(value: object) -> bool:
    """Tell whether a section repeats for each item of a value: also of a set or a view."""
    kind = type(value)
    return kind is list or (
        kind not in _PLAIN and isinstance(value, Collection) and not isinstance(value, (Mapping, *_TEXTS))
    )


def is_false(value: Any) -> bool:
    """Tell whether a section of a value is left out; 0 is true."""
    if value is None or value is False or value is _ABSENT:
        return True
    kind = type(value)
    if kind in _PLAIN:
        return kind not in _NUMBERS and not value
    return isinstance(value, Collection) and not len(value)  # an array of numpy has no truth


def _find(values: Mapping[str, Any], name: str, parts: tuple[str, ...]) -> Any:
    """Look a name up among the variables: first the whole name, then its parts."""
    if name in values:
        return values[name]
    return _walk(values, parts) if len(parts) > 1 else _ABSENT


def _walk(value: Any, parts: tuple[str, ...]) -> Any:
    for part in parts:
        if not _is_mapping(value) or part not in value:
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
