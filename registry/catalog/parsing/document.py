"""Parse a prompt file: bytes in, a document or located findings out. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from promptstage import mustache
from promptstage.model import Document, Message
from registry.catalog.naming import stem
from registry.catalog.parsing import placeholders, usage, variables
from registry.catalog.parsing.codes import CODES
from registry.catalog.parsing.fields import TOP, Fields
from registry.catalog.parsing.nodes import Finding, Node
from registry.catalog.parsing.strict_yaml import Source
from registry.errors import DocumentInvalid

ROLES = ("system", "developer", "user", "assistant", "tool")
FORMATS = ("text", "json_object", "json_schema")
_KEYS = (
    "name", "description", "model", "modelParameters", "responseFormat", "jsonSchema",
    "variables", "messages", "testData", "evaluators", "metadata", "template",
)  # fmt: skip
_MESSAGE_KEYS = ("role", "content")
_PARTS = "a list of parts is not read; write one text, and let the app add pictures and files to it"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document that can be served, and the warnings about its file."""

    document: Document
    warnings: tuple[Finding, ...]


def parse(content: bytes, path: str) -> Parsed:
    """Parse a prompt file.

    Args:
        content: the file's bytes.
        path: its path in the repository; the title falls back to its last segment.

    Raises:
        DocumentInvalid: the first error, with line and column.
    """
    source, document = _read(content, path)
    errors = [finding for finding in source.findings if finding.severity == "error"]
    if errors:
        first = errors[0]
        raise DocumentInvalid(first.message, line=first.line, column=first.column, path=path)
    return Parsed(document, tuple(source.findings))


def check(content: bytes, path: str) -> list[Finding]:
    """Return all findings about a prompt file, in the order of its lines."""
    source, _ = _read(content, path)
    return sorted(source.findings, key=lambda finding: (finding.line, finding.column))


def _read(content: bytes, path: str) -> tuple[Source, Document]:
    """Parse as much as possible; the document is usable if no finding is an error."""
    source = Source(content)
    top = Fields(source, source.root or Node({}, 1, 1), TOP)
    top.warn_unknown(_KEYS, "keep it under metadata, or remove it")
    language = _language(top)
    messages = _messages(source, top, language) if source.root else []
    whole = language is None or not any(finding.severity == "error" for finding in source.findings)
    used = usage.find([node for _, node in messages], language, whole=whole)
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
        variables=variables.read(source, top, used),
        messages=tuple(Message(role, content.value) for role, content in messages),
        metadata=top.mapping("metadata"),
        extra={key: node.plain() for key, node in top.items.items() if key not in _KEYS},
        edition=1 if language is None else 2,
        language=language,
        portable=language is None or all(mustache.is_portable(node.value) for _, node in messages),
    )
    return source, document


def _language(top: Fields) -> str | None:
    """Return the language of the texts; an unknown one changes nothing, as the key used to be ignored."""
    if "template" not in top or top.at("template").value == mustache.LANGUAGE:
        return mustache.LANGUAGE if "template" in top else None
    message = (
        "this template language is unknown, so {{name}} alone is replaced; write `mustache`, or remove it"
    )
    top.report("template", "template", message)
    return None


def _title(path: str) -> str:
    return stem(PurePosixPath(path).name)


def _messages(source: Source, top: Fields, language: str | None) -> list[tuple[str, Node]]:
    """Return the role of each message and the node of its content."""
    nodes = top.list("messages")
    absent = "messages" not in top or top.at("messages").value == []
    if top.valid and absent:
        top.report(
            "messages", "no_messages", "there are no messages; add `messages:` with a role and a content"
        )
    found = (_message(source, Fields(source, node, "a message"), language) for node in nodes)
    return [message for message in found if message]


def _message(source: Source, entry: Fields, language: str | None) -> tuple[str, Node] | None:
    if not entry.valid:
        return None
    if "content" in entry and isinstance(entry.at("content").value, list):
        entry.report("content", "not_text", _PARTS)
        return None
    short = next((role for role in ROLES if role in entry.items and "role" not in entry), None)
    entry.warn_unknown((*_MESSAGE_KEYS, short or ""), "remove it")
    roles = f"this role is unknown; use one of {', '.join(ROLES)}"
    if short:
        roles = f"a role is no key; write `role: {short}`, and the text as `content:`"
    role = entry.needed("role", "unknown_role", roles).lower()  # GitHub's own reader ignores case
    if role and role not in ROLES:
        entry.report("role", "unknown_role", roles)
    if not entry.needed("content", "no_content", "the message has no content; write its text"):
        return None
    node = entry.at("content")
    readable = True
    for odd in placeholders.find(node.value, language):
        place = source.within(node, odd.offset, odd.written)
        if CODES[odd.code].severity == "error":
            source.refuse(place, odd.code, odd.message)
            readable = False
        else:
            source.report(place, odd.code, odd.message)
    return (role, node) if readable else None


def _json_schema(source: Source, top: Fields) -> Any:
    """Return the schema, which GitHub's files hold as JSON text; a mapping is accepted too."""
    if "jsonSchema" not in top:
        return None
    node = top.items["jsonSchema"]
    if not isinstance(node.value, str):
        return top.mapping("jsonSchema")
    try:
        schema = json.loads(node.value)
        json.dumps(schema, ensure_ascii=False, allow_nan=False).encode()  # finds what JSON cannot represent
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
