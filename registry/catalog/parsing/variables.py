"""Read the variables of a prompt file, in each shape that people write. Pure.

- a list of mappings that have a `name` each: strict, so that a typing error never reaches an app
- a list of names, or a mapping of names to a description or to the fields of one
- anything else: the placeholders count

GitHub's own readers ignore the key, and people keep notes there. So in every shape but the first, what
cannot be read is a warning, and a placeholder that is not declared is a required variable. The name of a
section is an optional one, unless its `required` says otherwise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from promptstage import template
from promptstage.model import Variable
from registry.catalog.parsing.codes import CODES
from registry.catalog.parsing.fields import Fields, nearest
from registry.catalog.parsing.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry.catalog.parsing.fields import Reporter
    from registry.catalog.parsing.strict_yaml import Source
    from registry.catalog.parsing.usage import Usage

NAMED = 8  # variables in a sentence
_FIELDS = ("required", "default", "description", "type")
_NAME = re.compile(template.NAME)
_NO_NAME = "this is no variable's name; use letters, digits, _ . and -, no digit first"
_SHAPES = "write `- name: text`, or `text: what it is`, for each"


def read(source: Source, top: Fields, usage: Usage) -> tuple[Variable, ...]:
    """Return the declared variables; without any, the names in the texts.

    Args:
        source: collects the findings.
        top: the file.
        usage: what its messages name.
    """
    if "variables" not in top:
        return tuple(_undeclared(usage.given, usage))
    node = top.items["variables"]
    if _is_strict(node):
        entries = [(entry, _named(source, entry, usage)) for entry in node.value]
        declared = _gather(source, entries, usage)
        if all(variable for _, variable in entries):
            _refuse_undeclared(source, usage, declared)
        return tuple(declared.values())
    gently = _Gently(source)
    declared = _gather(gently, list(_loose(gently, node, usage)), usage)
    undeclared = usage.undeclared(declared)
    if declared:
        for so, names in (
            ("required", [name for name in undeclared if name not in usage.sections]),
            ("optional", [name for name in undeclared if name in usage.sections]),
        ):
            if names:
                shown = ", ".join(names[:NAMED]) + (" ..." if len(names) > NAMED else "")
                gently.report(node, "variables", f"not declared, so {so}: {shown}; declare them here, too")
    return (*declared.values(), *_undeclared(undeclared, usage))


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


def _undeclared(names: Iterable[str], usage: Usage) -> Iterator[Variable]:
    for name in names:
        yield Variable(name, required=name not in usage.sections, default=None, description="")


def _is_strict(node: Node) -> bool:
    return isinstance(node.value, list) and all(map(_has_name, node.value))


def _has_name(node: Node) -> bool:
    return isinstance(node.value, dict) and "name" in node.value


def _gather(
    source: Reporter, entries: Iterable[tuple[Node, Variable | None]], usage: Usage
) -> dict[str, Variable]:
    """Return the variables by name; of two with one name the last counts, as in any mapping."""
    declared: dict[str, Variable] = {}
    for node, variable in entries:
        if variable is None:
            continue
        if variable.name in declared:
            message = f"{variable.name} is declared twice; remove one of them"
            source.report(node, "duplicate_variable", message)
        elif usage.whole and not source.full and not usage.holds(variable.name):
            source.report(node, "unused_variable", _unused(variable.name, usage))
        declared[variable.name] = variable
    return declared


def _refuse_undeclared(source: Source, usage: Usage, declared: dict[str, Variable]) -> None:
    for name in usage.undeclared(declared):
        if source.full:
            return
        node, offset, token = usage.given[name]
        near = nearest(name, declared)
        remedy = f"did you mean {near}?" if near else "declare it, or write \\{{ if it is none"
        shown = token if name in usage.sections else f"{{{{{name}}}}}"
        message = f"{shown} is not among the variables; {remedy}"
        source.report(source.within(node, offset, token), "undeclared", message)


def _unused(name: str, usage: Usage) -> str:
    """Return the warning for an unused variable; many people expect placeholders of one brace."""
    if any(f"{{{name}}}" in node.value for node in usage.texts):
        return f"no message uses {name}, as {{{name}}} is plain text; write {{{{{name}}}}}"
    return f"no message uses {name}; write {{{{{name}}}}} in one, or remove it here"


def _loose(source: Reporter, node: Node, usage: Usage) -> Iterator[tuple[Node, Variable | None]]:
    """Read the entries of any other shape."""
    if isinstance(node.value, dict):
        for name, value in node.value.items():
            yield node.key_of(name), _described(source, node.key_of(name), name, value, usage)
    elif isinstance(node.value, list):
        for entry in node.value:
            yield entry, _listed(source, entry, usage)
    else:
        source.report(node, "variables", f"this is not read, so all placeholders count; {_SHAPES}")


def _listed(source: Reporter, node: Node, usage: Usage) -> Variable | None:
    if _has_name(node):
        return _named(source, node, usage)
    if isinstance(node.value, str):
        return _described(source, node, node.value, Node("", node.line, node.column), usage)
    source.report(node, "variables", f"this entry is not read; {_SHAPES}")
    return None


def _described(source: Reporter, at: Node, name: str, node: Node, usage: Usage) -> Variable | None:
    """Read a variable of this name, with a description or fields."""
    if not _NAME.fullmatch(name):
        source.report(at, "variable_name", _NO_NAME)
        return None
    if isinstance(node.value, dict):
        entry = Fields(source, node, f"the variable {name}")
        entry.warn_unknown(_FIELDS, "remove it")
        return _with_fields(source, entry, name, usage)
    if node.value is not None and not isinstance(node.value, str):
        message = "this is no description, and is not read; if it is a default, write {default: ...}"
        source.report(node, "variables", message)
    description = node.value if isinstance(node.value, str) else ""
    return Variable(name, required=name not in usage.sections, default=None, description=description)


def _named(source: Reporter, node: Node, usage: Usage) -> Variable | None:
    """Read a variable whose name is one of its fields."""
    entry = Fields(source, node, "a variable")
    entry.warn_unknown(("name", *_FIELDS), "remove it")
    name = entry.text("name", "")
    if not _NAME.fullmatch(name):
        entry.report("name", "variable_name", _NO_NAME)
        return None
    return _with_fields(source, entry, name, usage)


def _with_fields(source: Reporter, entry: Fields, name: str, usage: Usage) -> Variable:
    default = entry.at("default").plain() if "default" in entry else None
    if isinstance(default, dict | list):
        message = "a default must be one value; write text, a number, or true or false"
        entry.report("default", "default", message)
        default = None
    required = entry.flag("required", default is None and name not in usage.sections)
    if required and default is not None:
        message = f"{name} is required, so its default has no effect"
        source.report(entry.at("default"), "default_unused", message)
    return Variable(name, required, default, entry.text("description", ""))
