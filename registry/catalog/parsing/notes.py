"""Read what a prompt file tells authors and tools, and not apps: types, and data to try it with. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from registry.catalog.parsing.strict_yaml import Source

Json = dict[str, Any]
TYPES = ("string", "number", "boolean", "list", "object")


class Notes(NamedTuple):
    """What is not part of the document.

    Attributes:
        types: by variable, those that are declared.
        cases: the entries of `testData`: values of variables, and whatever else.
    """

    types: dict[str, str]
    cases: list[Json]


def read(content: bytes) -> Notes:
    """Read the notes of a file; what has another shape is left out, as it prevents no serving."""
    root = Source(content).root
    file = root.plain() if root else None
    if not isinstance(file, dict):
        return Notes({}, [])
    data = file.get("testData")
    cases = [case for case in data if isinstance(case, dict)] if isinstance(data, list) else []
    return Notes(_types(file.get("variables")), cases)


def _types(variables: object) -> dict[str, str]:
    """Return the type of each variable that declares one, in either shape of `variables`."""
    if isinstance(variables, list):
        fields = [(entry.get("name"), entry) for entry in variables if isinstance(entry, dict)]
    else:
        fields = list(variables.items()) if isinstance(variables, dict) else []
    return {
        name: entry["type"]
        for name, entry in fields
        if isinstance(name, str) and isinstance(entry, dict) and entry.get("type") in TYPES
    }
