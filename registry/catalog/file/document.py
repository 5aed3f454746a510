"""A prompt file: bytes in, a document out, or what is wrong with them and where. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from promptstage import template
from promptstage.model import Document, Message, Variable
from registry.catalog.file import oddities
from registry.catalog.file.mapping import SHOWN, Mapping, nearest
from registry.catalog.file.strict_yaml import Finding, Node, Source
from registry.catalog.naming import stem
from registry.errors import DocumentInvalid

ROLES = ("system", "developer", "user", "assistant", "tool")
FORMATS = ("text", "json_object", "json_schema")
_KEYS = (
    "name", "description", "model", "modelParameters", "responseFormat", "jsonSchema",
    "variables", "messages", "testData", "evaluators", "metadata",
)  # fmt: skip
_VARIABLE_KEYS = ("name", "required", "default", "description")
_MESSAGE_KEYS = ("role", "content")
_VARIABLE = re.compile(template.NAME)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document that can be served, and what is odd about its file."""

    document: Document
    warnings: tuple[Finding, ...]


def parse(content: bytes, path: str) -> Parsed:
    """Read a prompt file.

    Args:
        content: the file's bytes.
        path: where it is in its repository; the title falls back to its last part.

    Raises:
        DocumentInvalid: the first thing that makes it unusable, with line and column.
    """
    source, document = _read(content, path)
    errors = [finding for finding in source.findings if finding.severity == "error"]
    if errors:
        first = errors[0]
        raise DocumentInvalid(first.message, line=first.line, column=first.column, path=path)
    return Parsed(document, tuple(source.findings))


def check(content: bytes, path: str) -> list[Finding]:
    """Say everything that there is to say about a prompt file, in the order of its lines."""
    source, _ = _read(content, path)
    return sorted(source.findings, key=lambda finding: (finding.line, finding.column))


def _read(content: bytes, path: str) -> tuple[Source, Document]:
    """Read as much as can be read; the document is of use if there is no error among the findings."""
    source = Source(content)
    top = Mapping(source, source.root or Node({}, 1, 1), "the file")
    top.warn_unknown(_KEYS, "keep it under metadata, or remove it")
    messages = _messages(source, top) if source.root else []
    response_format = top.text("responseFormat", "text")
    if response_format not in FORMATS:
        top.report(
            "responseFormat", "response_format", f"this format is unknown; use one of {', '.join(FORMATS)}"
        )
    json_schema = _json_schema(source, top)
    if response_format == "json_schema" and "jsonSchema" not in top:
        top.report("responseFormat", "json_schema", "json_schema needs a jsonSchema; add one")
    document = Document(
        title=top.text("name", "") or _title(path),
        description=top.text("description", ""),
        model=top.text("model", ""),
        parameters=top.mapping("modelParameters"),
        response_format=response_format,
        json_schema=json_schema,
        variables=_variables(source, top, messages),
        messages=tuple(Message(role, content.value) for role, content in messages),
        metadata=top.mapping("metadata"),
        extra={key: node.plain() for key, node in top.items.items() if key not in _KEYS},
    )
    return source, document


def _title(path: str) -> str:
    return stem(PurePosixPath(path).name)


def _messages(source: Source, top: Mapping) -> list[tuple[str, Node]]:
    """The role of each message and the node of its content."""
    nodes = top.list("messages")
    if top.valid and not nodes and isinstance(top.at("messages").value, list | dict | None):
        top.report(
            "messages", "no_messages", "there are no messages; add `messages:` with a role and a content"
        )
    found = (_message(source, Mapping(source, node, "a message")) for node in nodes)
    return [message for message in found if message]


def _message(source: Source, entry: Mapping) -> tuple[str, Node] | None:
    if not entry.valid:
        return None
    entry.warn_unknown(_MESSAGE_KEYS, "remove it")
    roles = f"this role is unknown; use one of {', '.join(ROLES)}"
    role = entry.needed("role", "unknown_role", roles).lower()  # GitHub's own reader ignores case
    if role and role not in ROLES:
        entry.report("role", "unknown_role", roles)
    if not entry.needed("content", "no_content", "the message has no content; write its text"):
        return None
    node = entry.at("content")
    for odd in oddities.find(node.value):
        source.report(source.within(node, odd.offset, odd.written), odd.code, odd.message)
    return role, node


def _variables(source: Source, top: Mapping, messages: list[tuple[str, Node]]) -> tuple[Variable, ...]:
    """The declared variables; where none are, the placeholders, all of them required."""
    used = _placeholders(messages)
    if "variables" not in top:
        return tuple(Variable(name, required=True, default=None, description="") for name in used)
    declared: dict[str, Variable] = {}
    entries = [(node, _variable(source, node)) for node in top.list("variables")]
    for node, variable in entries:
        if variable is None:
            continue
        if variable.name in declared:
            source.report(
                node, "duplicate_variable", f"{variable.name} is declared twice; remove one of them"
            )
        elif variable.name not in used:
            source.report(node, "unused_variable", _unused(variable.name, messages))
        declared[variable.name] = variable
    readable = isinstance(top.at("variables").value, list) and all(variable for _, variable in entries)
    for name, (node, offset, token) in used.items() if readable else ():
        if name not in declared and not source.full:
            near = nearest(name, declared)
            remedy = f"did you mean {near}?" if near else "declare it, or write \\{{ if it is none"
            message = f"{{{{{name}}}}} is not among the variables; {remedy}"
            source.report(source.within(node, offset, token), "undeclared", message)
    return tuple(declared.values())


def _unused(name: str, messages: list[tuple[str, Node]]) -> str:
    """What to say of a variable that no message uses; many know placeholders of one brace."""
    if any(f"{{{name}}}" in node.value for _, node in messages):
        return f"no message uses {name}, as {{{name}}} is plain text; write {{{{{name}}}}}"
    return f"no message uses {name}; write {{{{{name}}}}} in one, or remove it here"


def _placeholders(messages: list[tuple[str, Node]]) -> dict[str, tuple[Node, int, str]]:
    """Where each placeholder is first: the text, the offset in its value, and how it is written there."""
    found: dict[str, tuple[Node, int, str]] = {}
    for _, node in messages:
        parsed = template.parse(node.value)
        for name, offset in zip(parsed.names, parsed.offsets, strict=True):
            end = node.value.index("}}", offset) + 2
            found.setdefault(name, (node, offset, node.value[offset:end]))
    return found


def _variable(source: Source, node: Node) -> Variable | None:
    if isinstance(node.value, str):
        message = f"a variable has a name and more; write `- name: {node.value[:SHOWN]}`"
        source.report(node, "not_a_mapping", message)
        return None
    entry = Mapping(source, node, "a variable")
    if not entry.valid:
        return None
    entry.warn_unknown(_VARIABLE_KEYS, "remove it")
    name = entry.text("name", "")
    if not _VARIABLE.fullmatch(name):
        entry.report(
            "name",
            "variable_name",
            "this is no variable's name; use letters, digits, _ . and -, no digit first",
        )
        return None
    default = entry.at("default").plain() if "default" in entry else None
    if isinstance(default, dict | list):
        entry.report(
            "default", "default", "a default must be one value; write text, a number, or true or false"
        )
    required = entry.flag("required", default is None)
    if required and default is not None:
        source.report(
            entry.at("default"), "default_unused", f"{name} is required, so its default has no effect"
        )
    return Variable(name, required, default, entry.text("description", ""))


def _json_schema(source: Source, top: Mapping) -> Any:
    """The schema, which GitHub's files hold as JSON text; a mapping is taken as well."""
    if "jsonSchema" not in top:
        return None
    node = top.items["jsonSchema"]
    if not isinstance(node.value, str):
        return top.mapping("jsonSchema")
    try:
        schema = json.loads(node.value)
        json.dumps(schema, ensure_ascii=False, allow_nan=False).encode()  # what JSON cannot carry on
    except json.JSONDecodeError as error:
        what = f"{error.msg} in line {error.lineno}, column {error.colno} of it"
        source.report(node, "json_schema", f"jsonSchema is no JSON: {what}; correct it")
    except (ValueError, RecursionError):
        source.report(node, "json_schema", "jsonSchema holds what JSON cannot carry; simplify it")
    else:
        if isinstance(schema, dict):
            return schema
        source.report(node, "json_schema", "jsonSchema must be a JSON object; write {...}")
    return None
