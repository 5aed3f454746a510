"""Read what a prompt file tells authors and tools, and not apps: types, and data to try it with. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from registry.catalog.parsing.strict_yaml import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json
    from registry.catalog.parsing.nodes import Node

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
    source = Source(content)
    data = source.top["testData"].plain() if "testData" in source.top else None
    cases = [case for case in data if isinstance(case, dict)] if isinstance(data, list) else []
    declared = {name: fields["type"].value for name, fields in with_fields(source) if "type" in fields}
    return Notes({name: kind for name, kind in declared.items() if kind in TYPES}, cases)


def with_fields(source: Source) -> Iterator[tuple[str, dict[str, Node]]]:
    """Yield the name and the fields of each variable that has some, in either shape of `variables`."""
    variables = source.top["variables"].value if "variables" in source.top else None
    if isinstance(variables, dict):
        yield from ((name, node.value) for name, node in variables.items() if isinstance(node.value, dict))
    for node in variables if isinstance(variables, list) else ():
        if isinstance(node.value, dict):
            name = node.value["name"].value if "name" in node.value else ""
            yield str(name or "a variable"), node.value
