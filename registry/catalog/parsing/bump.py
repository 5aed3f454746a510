"""Choose the version number that a change calls for, by its effect on apps. Pure.

| part | what changes | because |
|---|---|---|
| major | a required variable is new, or was optional; one is gone; the answer's format | an app must change |
| | a text is the name of a section now, or the other way round | |
| minor | a variable is optional, or was required; the model; the JSON schema | an app gets something new |
| | the template language | |
| patch | text, parameters, defaults, and everything else | an app need not know |

A removed variable breaks no call, since rendering ignores extra variables; but its value is lost silently.
Below 1.0.0, where SemVer promises nothing, each part counts one less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from promptstage import mustache
from registry.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from promptstage.model import Document

Part = Literal["patch", "minor", "major"]
PARTS: tuple[Part, ...] = ("patch", "minor", "major")  # ascending
_LANGUAGES = {None: "plain placeholders", mustache.LANGUAGE: "Mustache"}


class Reason(NamedTuple):
    """One difference between two documents, in words that follow "it", and the part that it calls for."""

    part: Part
    words: str


def reasons(old: Document, new: Document) -> list[Reason]:
    """Return the differences, the most serious first; none if the two are equal."""
    found = [*_variables(old, new), *_answer(old, new), *_rest(old, new)]
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


def _variables(old: Document, new: Document) -> Iterator[Reason]:
    before = {variable.name: variable for variable in old.variables}
    after = {variable.name: variable for variable in new.variables}
    required = {name for name, variable in after.items() if variable.required}
    once_required = {name for name, variable in before.items() if variable.required}
    common = before.keys() & after.keys()
    rules: tuple[tuple[Part, str, Collection[str]], ...] = (
        ("major", "requires a new variable", required - before.keys()),
        ("major", "removes a variable", before.keys() - after.keys()),
        ("major", "requires what was optional", common & (required - once_required)),
        ("major", "takes as a section what was text", _texts(old) & _sections(new)),
        ("major", "takes as text what was a section", _sections(old) & _texts(new)),
        ("minor", "takes a new optional variable", after.keys() - before.keys() - required),
        ("minor", "makes optional what was required", common & (once_required - required)),
        ("patch", "changes a default", {n for n in common if before[n].default != after[n].default}),
    )
    yield from (Reason(part, f"{words}: {', '.join(sorted(names))}") for part, words, names in rules if names)


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


def _answer(old: Document, new: Document) -> Iterator[Reason]:
    if old.response_format != new.response_format:
        yield Reason("major", f"answers in {new.response_format} instead of {old.response_format}")
    elif old.json_schema != new.json_schema:
        yield Reason("minor", "answers by another JSON schema")
    if old.model != new.model:
        yield Reason("minor", f"uses {new.model or 'no model'} instead of {old.model or 'no model'}")


def _rest(old: Document, new: Document) -> Iterator[Reason]:
    if old.parameters != new.parameters:
        yield Reason("patch", "changes the model's parameters")
    if old.language != new.language:
        yield Reason(
            "minor", f"is written in {_LANGUAGES[new.language]} instead of {_LANGUAGES[old.language]}"
        )
    if old.messages != new.messages:
        yield Reason("patch", "changes the text of its messages")
    about = [(d.title, d.description, d.metadata, d.extra) for d in (old, new)]
    words = {variable.name: variable.description for variable in old.variables}
    reworded = any(words.get(v.name, v.description) != v.description for v in new.variables)
    if about[0] != about[1] or reworded:
        yield Reason("patch", "describes itself in other words")
