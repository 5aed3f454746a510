"""Parse a prompt file: bytes in, a document or located findings out. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from promptstage import mustache
from promptstage.model import Document
from registry.catalog.naming import stem
from registry.catalog.parsing import messages, partials, tools, usage, variables
from registry.catalog.parsing.fields import TOP, Fields
from registry.catalog.parsing.nodes import Finding, Node
from registry.catalog.parsing.strict_yaml import Source
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry.catalog.parsing.messages import Messages
    from registry.catalog.parsing.partials import Files

FORMATS = ("text", "json_object", "json_schema")
_KEYS = (
    "name", "description", "model", "modelParameters", "responseFormat", "jsonSchema",
    "variables", "messages", "testData", "evaluators", "metadata", "template", "tools", "toolChoice",
)  # fmt: skip
# Read with the cases beside the file. It stays in the document, as files had it before it meant anything.
_SUITE = ("defaultTest",)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document that can be served, and the warnings about its file."""

    document: Document
    warnings: tuple[Finding, ...]


def parse(content: bytes, path: str, files: Files | None = None) -> Parsed:
    """Parse a prompt file.

    Args:
        content: the file's bytes; without `files` the content of a version, which holds its partials.
        path: its path in the repository; the title falls back to its last segment.
        files: its partials, as in `registry.catalog.parsing.partials.Files`.

    Raises:
        DocumentInvalid: the first error, with line and column.
    """
    source, document = _read(content, path, files)
    if first := next((finding for finding in source.findings if finding.is_fatal), None):
        raise DocumentInvalid(first.message, line=first.line, column=first.column, path=path)
    return Parsed(document, tuple(source.findings))


def check(
    content: bytes,
    path: str,
    files: Files | None = None,
    rules: Iterable[Callable[[Source], None]] = (),
) -> list[Finding]:
    """Return all findings about a prompt file, in the order of its lines.

    Args:
        content: as `parse` takes it, and so the next two.
        path: the file's path.
        files: its partials.
        rules: report further findings.
    """
    source, _ = _read(content, path, files)
    for rule in rules:
        rule(source)
    return sorted(source.findings, key=lambda finding: (finding.line, finding.column))


def wanted(content: bytes, files: Files) -> tuple[str, ...]:
    """Return the paths of the partials that a prompt file asks for, itself or by these ones, beside these."""
    if not partials.may_ask(content):
        return ()
    source, top = _open(content)
    return _messages(source, top, _language(top), files).missing


def _open(content: bytes) -> tuple[Source, Fields]:
    source = Source(content)
    return source, Fields(source, source.root or Node({}, 1, 1), TOP)


def _messages(source: Source, top: Fields, language: str | None, files: Files) -> Messages:
    return messages.read(source, top, language, files) if source.root else messages.NONE


def _read(content: bytes, path: str, files: Files | None) -> tuple[Source, Document]:
    """Parse as much as possible; the document is usable if no finding is an error."""
    if files is None:
        content, files = partials.split(content)
    source, top = _open(content)
    top.warn_unknown((*_KEYS, *_SUITE), "keep it under metadata, or remove it")
    language = _language(top)
    found = _messages(source, top, language, files)
    whole = language is None or not any(finding.severity == "error" for finding in source.findings)
    used = usage.find(found.texts, language, whole=whole)
    response_format = top.text("responseFormat", "text")
    if response_format not in FORMATS:
        top.report(
            "responseFormat", "response_format", f"this format is unknown; use one of {', '.join(FORMATS)}"
        )
    json_schema = _json_schema(source, top)
    if response_format == "json_schema" and "jsonSchema" not in top:
        top.report("responseFormat", "json_schema", "json_schema needs a jsonSchema; add one")
    declared = variables.read(source, top, used)
    messages.refuse_variables(source, found, {variable.name for variable in declared})
    offered = tools.read(source, top)
    choice = tools.read_choice(top, offered)
    read = {"template": language, "tools": offered, "toolChoice": choice}
    unread = {key for key, value in read.items() if not value}
    is_second = language is not None or found.is_structured or bool(offered)
    document = Document(
        title=top.text("name", "") or _title(path),
        description=top.text("description", ""),
        model=top.text("model", ""),
        parameters=top.mapping("modelParameters"),
        response_format=response_format,
        json_schema=json_schema,
        variables=declared,
        messages=found.messages,
        metadata=top.mapping("metadata"),
        extra={key: node.plain() for key, node in top.items.items() if key not in _KEYS or key in unread},
        edition=2 if is_second else 1,
        language=language,
        portable=not found.is_structured
        and (language is None or all(mustache.is_portable(text.text) for text in found.texts)),
        tools=offered,
        tool_choice=choice,
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
