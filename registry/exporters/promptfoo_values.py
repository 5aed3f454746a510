"""Write the values of cases as promptfoo puts them into a text. Pure.

promptfoo removes a line break at the end of a value, puts other variables into it, and takes ``file://`` for
a file. Numbers and lists are written as texts, as JavaScript would write some of them in another way.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from promptstage import mustache

if TYPE_CHECKING:
    from promptstage.model import Document, Json
    from registry.suites.cases import Case

_TAG = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
_PLACES = ("file://", "package:")


def values(case: Case, document: Document) -> Json:
    """Return the variables of a case as texts, with what a right answer would be."""
    places = {place.name for place in document.placeholders}
    given = {name: value for name, value in case.values.items() if name not in places and value is not None}
    return {name: _kept(as_text(value, document)) for name, value in given.items()}


def defaults(document: Document) -> Json:
    """Return the values of variables that need not be given."""
    optional = (variable for variable in document.variables if not variable.required)
    found = ((each.name, "" if each.default is None else each.default) for each in optional)
    return {name: _kept(as_text(value, document)) for name, value in found}


def changed(case: Case, document: Document) -> str:
    """Say which value promptfoo would change; empty if none."""
    names = case.values.keys() | {variable.name for variable in document.variables}
    if given := [place.name for place in document.placeholders if case.vars.get(place.name)]:
        return f"{given[0]} is a list of messages, for which promptfoo has no place"
    for name, value in case.values.items():
        text = as_text(value, document)
        if text.startswith(_PLACES):
            return f"promptfoo takes the value of {name} for the name of a file"
        if any(tag.partition(".")[0] in names for tag in _TAG.findall(text)):
            return f"promptfoo puts another variable into the value of {name}"
    return ""


def as_text(value: Any, document: Document) -> str:
    """Return a value as the language of the prompt inserts it."""
    if isinstance(value, str):
        return value
    if document.language == mustache.LANGUAGE and isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _kept(text: str) -> str:
    """Return a text with one line break more at its end, if it has one: promptfoo removes one."""
    return f"{text}\n" if text.endswith("\n") else text
