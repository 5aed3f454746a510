"""A prompt file: bytes in, a document out, or what is wrong with them and where. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from promptstage import template
from promptstage.model import Document, Message, Variable
from registry.catalog.naming import stem
from registry.catalog.strict_yaml import Finding, Node, Source
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Collection

ROLES = ("system", "developer", "user", "assistant", "tool")
FORMATS = ("text", "json_object", "json_schema")
_KEYS = (
    "name", "description", "model", "modelParameters", "responseFormat", "jsonSchema",
    "variables", "messages", "testData", "evaluators", "metadata",
)  # fmt: skip
_VARIABLE_KEYS = ("name", "required", "default", "description")
_MESSAGE_KEYS = ("role", "content")
_VARIABLE = re.compile(template.NAME)
_SHOWN = 60  # characters of the file's own words in a message
_KEYS_SHOWN = 8  # unknown keys in a sentence
_COMPARED = 50  # names with which one is compared
_NEAR = 0.8  # how alike two names are, 0 to 1, if one may be a typing error of the other


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
    top = _Mapping(source, source.root or Node({}, 1, 1), "the file")
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


def _with_guess(key: str, known: tuple[str, ...]) -> str:
    """A key as it is shown, with the one that may have been meant: a typing error has no effect either."""
    plain = {name.lower(): name for name in known}
    near = _nearest(key.lower().replace("_", ""), plain)
    return f"{key[:_SHOWN]!r}" + (f" (did you mean {plain[near]}?)" if near else "")


def _nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that this one may be a typing error of; no search where it would take long."""
    if len(name) > _SHOWN or len(known) > _COMPARED:
        return None
    return next(iter(get_close_matches(name, known, 1, _NEAR)), None)


def _title(path: str) -> str:
    return stem(PurePosixPath(path).name)


class _Mapping:
    """Takes what is needed out of a mapping, and says what is wrong with it."""

    def __init__(self, source: Source, node: Node, what: str) -> None:
        self.items: dict[str, Node] = {}
        self._source = source
        self._node = node
        self.valid = isinstance(node.value, dict)
        if self.valid:
            self.items = node.value
        else:
            source.report(node, "not_a_mapping", f"{what} must be `key: value` pairs; write it like that")

    def __contains__(self, key: str) -> bool:
        """Whether the key is there with a value; an empty one counts as absent."""
        return key in self.items and self.items[key].value is not None

    def at(self, key: str) -> Node:
        """The place of a value; that of the mapping, if it is absent."""
        return self.items.get(key, self._node)

    def report(self, key: str, code: str, message: str) -> None:
        """Say what is wrong with the value of a key."""
        self._source.report(self.at(key), code, message)

    def warn_unknown(self, known: tuple[str, ...], remedy: str) -> None:
        """Warn of the other keys, all in one sentence: some files have many."""
        unknown = [key for key in self._node.keys if key not in known]
        if not unknown or self._source.full:
            return
        shown = ", ".join(_with_guess(key, known) for key in unknown[:_KEYS_SHOWN])
        more = f" and {len(unknown) - _KEYS_SHOWN} more" if len(unknown) > _KEYS_SHOWN else ""
        several = len(unknown) > 1
        subject = (
            f"unknown key{'s' if several else ''} {shown}{more} {'have' if several else 'has'} no effect"
        )
        remedies = remedy.replace("it", "them") if several else remedy
        self._source.report(self._node.keys[unknown[0]], "unknown_key", f"{subject}; {remedies}")

    def text(self, key: str, default: str) -> str:
        """The text of a key."""
        if key not in self:
            return default
        value = self.items[key].value
        if isinstance(value, str):
            return value
        self.report(key, "not_text", f"{key} must be text; quote it")
        return default

    def needed(self, key: str, code: str, message: str) -> str:
        """The text of a key that must have some."""
        value = self.text(key, "")
        if key not in self or self.items[key].value == "":
            self.report(key, code, message)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """The truth of a key."""
        if key not in self:
            return default
        value = self.items[key].value
        if not isinstance(value, bool):
            self.report(key, "not_boolean", f"{key} is neither true nor false; write one of them")
        return bool(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """The mapping of a key, as JSON."""
        if key not in self:
            return {}
        node = self.items[key]
        _Mapping(self._source, node, key)
        return node.plain() if isinstance(node.value, dict) else {}

    def list(self, key: str) -> list[Node]:
        """The list of a key."""
        if key not in self:
            return []
        value = self.items[key].value
        if isinstance(value, list):
            return value
        self.report(key, "not_a_list", f"{key} must be a list; begin each entry with `- `")
        return []


def _messages(source: Source, top: _Mapping) -> list[tuple[str, Node]]:
    """The role of each message and the node of its content."""
    nodes = top.list("messages")
    if top.valid and not nodes and isinstance(top.at("messages").value, list | dict | None):
        top.report(
            "messages", "no_messages", "there are no messages; add `messages:` with a role and a content"
        )
    found = (_message(source, _Mapping(source, node, "a message")) for node in nodes)
    return [message for message in found if message]


def _message(source: Source, entry: _Mapping) -> tuple[str, Node] | None:
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
    for offset, text in template.parse(node.value).oddities:
        message = f"{text[:_SHOWN]!r} is no placeholder and stays as it is; name it like {{{{name}}}}"
        source.report(source.within(node, offset, text), "literal", message)
    return role, node


def _variables(source: Source, top: _Mapping, messages: list[tuple[str, Node]]) -> tuple[Variable, ...]:
    """The declared variables; where none are, the placeholders, all of them required."""
    used = _placeholders(messages)
    if "variables" not in top:
        return tuple(Variable(name, required=True, default=None, description="") for name in used)
    declared: dict[str, Variable] = {}
    for node in top.list("variables"):
        variable = _variable(source, _Mapping(source, node, "a variable"))
        if variable is None:
            continue
        if variable.name in declared:
            source.report(
                node, "duplicate_variable", f"{variable.name} is declared twice; remove one of them"
            )
        elif variable.name not in used:
            source.report(
                node,
                "unused_variable",
                f"no message uses {variable.name}; write {{{{{variable.name}}}}} in one, or remove it here",
            )
        declared[variable.name] = variable
    for name, (node, offset, token) in used.items():
        if name not in declared and not source.full:
            near = _nearest(name, declared)
            remedy = f"did you mean {near}?" if near else "declare it, or write \\{{ if it is none"
            message = f"{{{{{name}}}}} is not among the variables; {remedy}"
            source.report(source.within(node, offset, token), "undeclared", message)
    return tuple(declared.values())


def _placeholders(messages: list[tuple[str, Node]]) -> dict[str, tuple[Node, int, str]]:
    """Where each placeholder is first: the text, the offset in its value, and how it is written there."""
    found: dict[str, tuple[Node, int, str]] = {}
    for _, node in messages:
        parsed = template.parse(node.value)
        for name, offset in zip(parsed.names, parsed.offsets, strict=True):
            end = node.value.index("}}", offset) + 2
            found.setdefault(name, (node, offset, node.value[offset:end]))
    return found


def _variable(source: Source, entry: _Mapping) -> Variable | None:
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


def _json_schema(source: Source, top: _Mapping) -> Any:
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
