"""Choose the version number that a change calls for, by its effect on apps. Pure.

| part | what changes | because |
|---|---|---|
| major | a required variable is new, or was optional; one is gone; the answer's format | an app must change |
| | a text is the name of a section now, or the other way round | |
| | a property of the answer is gone, renamed, new and required, or of another type | |
| | a tool is gone or renamed, or requires a new parameter | |
| minor | a variable is optional, or was required; the model; the JSON schema | an app gets something new |
| | the template language; a new tool, or other parameters of one | |
| patch | text, parameters, defaults, and everything else | an app need not know |

Placeholders for messages count like variables.

A removed variable breaks no call, since rendering ignores extra variables; but its value is lost silently.
Below 1.0.0, where SemVer promises nothing, each part counts one less.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from promptstage import mustache
from registry.catalog import naming
from registry.catalog.parsing import schema_changes
from registry.catalog.parsing.schema_changes import Change, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from promptstage.model import Document
    from registry.catalog.parsing.schema_changes import Path

Part = schema_changes.Part
PARTS: tuple[Part, ...] = ("patch", "minor", "major")  # ascending
_LANGUAGES = {None: "plain placeholders", mustache.LANGUAGE: "Mustache"}


class Reason(NamedTuple):
    """One difference between two documents, in words that follow "it", and the part that it calls for.

    `line` is the first one of the new file that made it so, counted from 1; None where none can be named.
    """

    part: Part
    words: str
    line: int | None = None

    @property
    def sentence(self) -> str:
        """The words with the line."""
        return f"{self.words} (line {self.line})" if self.line else self.words


def reasons(
    old: Document, new: Document, line_of: Callable[[Path], int | None] = lambda _path: None
) -> list[Reason]:
    """Return the differences, the most serious first; none if the two are equal.

    Args:
        old: the document before.
        new: the one after it.
        line_of: finds the lines of the new file, such as `registry.catalog.parsing.lines.finder`.
    """
    found: list[Reason] = []
    for change in (
        *_inputs(old, new),
        *_answer(old, new),
        *schema_changes.of_tools(old, new),
        *_rest(old, new),
    ):
        lines = (line_of(path) for path in change.paths)
        found.append(Reason(change.part, change.words, min(filter(None, lines), default=None)))
    return sorted(found, key=lambda reason: -PARTS.index(reason.part))


def needed(differences: Collection[Reason], since: str) -> Part:
    """Return the smallest part that may be raised.

    Args:
        differences: those between the documents.
        since: the version of the old document.
    """
    gravest = max((PARTS.index(reason.part) for reason in differences), default=0)
    return PARTS[max(0, gravest - 1) if since.startswith("0.") else gravest]


def is_enough(since: str, version: str, part: Part) -> bool:
    """Return whether a version is above another one by at least this part."""
    risen = naming.risen(since, version)
    return risen is not None and PARTS.index(risen) >= PARTS.index(part)


def _inputs(old: Document, new: Document) -> Iterator[Change]:
    """Compare what an app gives."""
    variables = [{v.name: v.required for v in document.variables} for document in (old, new)]
    placeholders = [{p.name: not p.optional for p in document.placeholders} for document in (old, new)]
    yield from _given("variable", *variables)
    yield from _given("placeholder", *placeholders)
    for words, names in (
        ("takes as a section what was text", _texts(old) & _sections(new)),
        ("takes as text what was a section", _sections(old) & _texts(new)),
    ):
        yield from listed("major", words, names, "messages")
    defaults = {v.name: v.default for v in old.variables}
    other = {v.name for v in new.variables if v.name in defaults and v.default != defaults[v.name]}
    yield from listed("patch", "changes a default", other, "variables")


def _given(what: str, before: Mapping[str, bool], after: Mapping[str, bool]) -> Iterator[Change]:
    """Compare names, each of which is required or not."""
    required = {name for name in after if after[name]}
    once_required = {name for name in before if before[name]}
    common = before.keys() & after.keys()
    rules: tuple[tuple[Part, str, Collection[str]], ...] = (
        ("major", f"requires a new {what}", required - before.keys()),
        ("major", f"removes a {what}", before.keys() - after.keys()),
        ("major", "requires what was optional", common & (required - once_required)),
        ("minor", f"takes a new optional {what}", after.keys() - before.keys() - required),
        ("minor", "makes optional what was required", common & (once_required - required)),
    )
    for part, words, names in rules:
        yield from listed(part, words, names, "variables" if names & after.keys() else "")


def _texts(document: Document) -> set[str]:
    """Return the names whose values are inserted as text."""
    if document.language != mustache.LANGUAGE:
        return {variable.name for variable in document.variables}
    return {use.name for use in _uses(document) if not use.is_section}


def _sections(document: Document) -> set[str]:
    """Return the names that only open sections, and so take a list or a condition."""
    if document.language != mustache.LANGUAGE:
        return set()
    return {use.name for use in _uses(document) if use.is_section and not use.is_inner} - _texts(document)


def _uses(document: Document) -> Iterator[mustache.Use]:
    for text in document.texts:
        yield from mustache.parse(text).uses


def _answer(old: Document, new: Document) -> Iterator[Change]:
    if old.response_format != new.response_format:
        words = f"answers in {new.response_format} instead of {old.response_format}"
        yield Change("major", words, (("responseFormat",),))
    elif old.json_schema != new.json_schema:
        yield from schema_changes.of_answer(old.json_schema, new.json_schema)
    if old.model != new.model:
        words = f"uses {new.model or 'no model'} instead of {old.model or 'no model'}"
        yield Change("minor", words, (("model",),))


def _rest(old: Document, new: Document) -> Iterator[Change]:
    if old.parameters != new.parameters:
        other = {key for key, value in new.parameters.items() if old.parameters.get(key, ...) != value}
        paths = tuple(("modelParameters", key) for key in sorted(other)) or (("modelParameters",),)
        yield Change("patch", "changes the model's parameters", paths)
    if old.language != new.language:
        words = f"is written in {_LANGUAGES[new.language]} instead of {_LANGUAGES[old.language]}"
        yield Change("minor", words, (("template",),))
    if old.messages != new.messages:
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old.messages, new.messages)))  # noqa: B905
        yield Change("patch", "changes the text of its messages", (("messages", same),))
    about = [(d.title, d.description, d.metadata, d.extra) for d in (old, new)]
    described = {variable.name: variable.description for variable in old.variables}
    reworded = any(described.get(v.name, v.description) != v.description for v in new.variables)
    if about[0] != about[1] or reworded:
        yield Change("patch", "describes itself in other words")
