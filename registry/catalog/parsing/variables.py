"""Read the variables of a prompt file, in each shape that people write. Pure.

- a list of mappings that have a `name` each: strict, so that a typing error never reaches an app
- a list of names, or a mapping of names to a description or to the fields of one
- anything else: the placeholders count

GitHub's own readers ignore the key, and people keep notes there. So in every shape but the first, what
cannot be read is a warning, and a placeholder that is not declared is a required variable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from promptstage import template
from promptstage.model import Variable
from registry.catalog.parsing.codes import CODES
from registry.catalog.parsing.fields import Fields, nearest
from registry.catalog.parsing.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry.catalog.parsing.fields import Reporter
    from registry.catalog.parsing.strict_yaml import Source

NAMED = 8  # variables in a sentence
_FIELDS = ("required", "default", "description", "type")
_NAME = re.compile(template.NAME)
_NO_NAME = "this is no variable's name; use letters, digits, _ . and -, no digit first"
_SHAPES = "write `- name: text`, or `text: what it is`, for each"


class Placeholder(NamedTuple):
    """The first use of a placeholder: the text, the offset in its value, and how it is written there."""

    text: Node
    offset: int
    written: str


def read(source: Source, top: Fields, texts: Sequence[Node]) -> tuple[Variable, ...]:
    """Return the declared variables; without any, the placeholders, all required.

    Args:
        source: collects the findings.
        top: the file.
        texts: the contents of its messages.
    """
    used = _placeholders(texts)
    if "variables" not in top:
        return tuple(map(_required, used))
    node = top.items["variables"]
    if _is_strict(node):
        entries = [(entry, _named(source, entry)) for entry in node.value]
        declared = _gather(source, entries, used, texts)
        if all(variable for _, variable in entries):
            _refuse_undeclared(source, used, declared)
        return tuple(declared.values())
    gently = _Gently(source)
    declared = _gather(gently, list(_loose(gently, node)), used, texts)
    undeclared = [name for name in used if name not in declared]
    if declared and undeclared:
        shown = ", ".join(undeclared[:NAMED]) + (" ..." if len(undeclared) > NAMED else "")
        gently.report(node, "variables", f"not declared, so required: {shown}; declare them here, too")
    return (*declared.values(), *map(_required, undeclared))


class _Gently:
    """Reports to a source, with errors turned into warnings."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def full(self) -> bool:
        return self._source.full

    def report(self, at: Node, code: str, message: str) -> None:
        self._source.report(at, code if CODES[code].severity == "warning" else "variables", message)

    def report_all(self, found: Iterable[tuple[Node, str, str]]) -> None:
        self._source.report_all(found)  # warnings alone


def _required(name: str) -> Variable:
    return Variable(name, required=True, default=None, description="")


def _is_strict(node: Node) -> bool:
    return isinstance(node.value, list) and all(map(_has_name, node.value))


def _has_name(node: Node) -> bool:
    return isinstance(node.value, dict) and "name" in node.value


def _gather(
    source: Reporter,
    entries: Iterable[tuple[Node, Variable | None]],
    used: dict[str, Placeholder],
    texts: Sequence[Node],
) -> dict[str, Variable]:
    """Return the variables by name; of two with one name the last counts, as in any mapping."""
    declared: dict[str, Variable] = {}
    for node, variable in entries:
        if variable is None:
            continue
        if variable.name in declared:
            message = f"{variable.name} is declared twice; remove one of them"
            source.report(node, "duplicate_variable", message)
        elif variable.name not in used and not source.full:
            source.report(node, "unused_variable", _unused(variable.name, texts))
        declared[variable.name] = variable
    return declared


def _refuse_undeclared(source: Source, used: dict[str, Placeholder], declared: dict[str, Variable]) -> None:
    for name, (node, offset, token) in used.items():
        if name not in declared and not source.full:
            near = nearest(name, declared)
            remedy = f"did you mean {near}?" if near else "declare it, or write \\{{ if it is none"
            message = f"{{{{{name}}}}} is not among the variables; {remedy}"
            source.report(source.within(node, offset, token), "undeclared", message)


def _unused(name: str, texts: Sequence[Node]) -> str:
    """Return the warning for an unused variable; many people expect placeholders of one brace."""
    if any(f"{{{name}}}" in node.value for node in texts):
        return f"no message uses {name}, as {{{name}}} is plain text; write {{{{{name}}}}}"
    return f"no message uses {name}; write {{{{{name}}}}} in one, or remove it here"


def _placeholders(texts: Sequence[Node]) -> dict[str, Placeholder]:
    found: dict[str, Placeholder] = {}
    for node in texts:
        parsed = template.parse(node.value)
        for name, offset in zip(parsed.names, parsed.offsets, strict=True):
            if name not in found:
                end = node.value.index("}}", offset) + 2
                found[name] = Placeholder(node, offset, node.value[offset:end])
    return found


def _loose(source: Reporter, node: Node) -> Iterator[tuple[Node, Variable | None]]:
    """Read the entries of any other shape."""
    if isinstance(node.value, dict):
        for name, value in node.value.items():
            yield node.key_of(name), _described(source, node.key_of(name), name, value)
    elif isinstance(node.value, list):
        for entry in node.value:
            yield entry, _listed(source, entry)
    else:
        source.report(node, "variables", f"this is not read, so all placeholders count; {_SHAPES}")


def _listed(source: Reporter, node: Node) -> Variable | None:
    if _has_name(node):
        return _named(source, node)
    if isinstance(node.value, str):
        return _described(source, node, node.value, Node("", node.line, node.column))
    source.report(node, "variables", f"this entry is not read; {_SHAPES}")
    return None


def _described(source: Reporter, at: Node, name: str, node: Node) -> Variable | None:
    """Read a variable of this name, with a description or fields."""
    if not _NAME.fullmatch(name):
        source.report(at, "variable_name", _NO_NAME)
        return None
    if isinstance(node.value, dict):
        entry = Fields(source, node, f"the variable {name}")
        entry.warn_unknown(_FIELDS, "remove it")
        return _with_fields(source, entry, name)
    if node.value is not None and not isinstance(node.value, str):
        message = "this is no description, and is not read; if it is a default, write {default: ...}"
        source.report(node, "variables", message)
    return Variable(
        name, required=True, default=None, description=node.value if isinstance(node.value, str) else ""
    )


def _named(source: Reporter, node: Node) -> Variable | None:
    """Read a variable whose name is one of its fields."""
    entry = Fields(source, node, "a variable")
    entry.warn_unknown(("name", *_FIELDS), "remove it")
    name = entry.text("name", "")
    if not _NAME.fullmatch(name):
        entry.report("name", "variable_name", _NO_NAME)
        return None
    return _with_fields(source, entry, name)


def _with_fields(source: Reporter, entry: Fields, name: str) -> Variable:
    default = entry.at("default").plain() if "default" in entry else None
    if isinstance(default, dict | list):
        message = "a default must be one value; write text, a number, or true or false"
        entry.report("default", "default", message)
        default = None
    required = entry.flag("required", default is None)
    if required and default is not None:
        message = f"{name} is required, so its default has no effect"
        source.report(entry.at("default"), "default_unused", message)
    return Variable(name, required, default, entry.text("description", ""))
