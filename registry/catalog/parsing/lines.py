"""Find the line of a prompt file at which a value, a variable or a tool is. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.catalog.parsing import json_schema, partials
from registry.catalog.parsing.strict_yaml import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.catalog.parsing.nodes import Node
    from registry.catalog.parsing.schema_changes import Path


def finder(content: bytes) -> Callable[[Path], int | None]:
    """Return a function from the path of a value to its line, or None if there is none.

    A path begins with a key of the file. It goes on with the name of a variable, a placeholder or a tool,
    with the number of a message, or with the keys of a schema. The line of a name that only a partial has is
    that of the tag that asks for it. The content is that of a version, which holds its partials.
    """
    file, *others = partials.unpack(content).items()
    source = Source(file[1])
    top = source.top

    def line(path: Path) -> int | None:
        key, *rest = path
        if key in {"variables", "messages"} and rest and isinstance(rest[0], str):
            found = _variable(top, rest[0], declared=key == "variables")
            return found.line if found else _use(file[1], dict(others), rest[0])
        node = top.get(str(key))
        if node is None:
            return None
        if not rest:
            return (node.key or node).line
        if key == "tools":
            tool = next((each for each in _entries(node) if _name(_function(each)) == rest[0]), None)
            function = _function(tool) if tool else None
            return json_schema.place(source, function, rest[1:], key=True).line if function else None
        below = (*rest, "content") if key == "messages" else rest
        return json_schema.place(source, node, below, key=True).line

    return line


def _variable(top: dict[str, Node], name: str, *, declared: bool) -> Node | None:
    """Find where a variable is declared, or the place of a message placeholder."""
    node = top.get("variables")
    if declared and node and isinstance(node.value, dict) and name in node.value:
        return node.key_of(name)
    entries = [*(_entries(node) if declared else []), *_entries(top.get("messages"))]
    return next((entry for entry in entries if name in {_name(entry), _name(entry, "placeholder")}), None)


def _entries(node: Node | None) -> list[Node]:
    return node.value if node and isinstance(node.value, list) else []


def _name(node: Node | None, key: str = "name") -> str | None:
    """Return the name of an entry: the text that it is, or the one of its keys."""
    value = node.value if node else None
    if isinstance(value, dict):
        value = value[key].value if key in value else None
    return value if isinstance(value, str) else None


def _function(tool: Node) -> Node | None:
    found: Node | None = tool.value.get("function") if isinstance(tool.value, dict) else None
    return found


def _use(content: bytes, files: dict[str, bytes], name: str) -> int | None:
    """Find the first line that uses a name in a tag, itself or by a partial."""
    tag = re.compile(r"(?<!\\)\{\{[{&#^]?\s*" + re.escape(name) + r"(?![\w-])")
    text = content.decode("utf-8", "replace")
    found = tag.search(text)
    if found:
        return text.count("\n", 0, found.start()) + 1
    for number, line in enumerate(content.splitlines(), 1):
        if b">" in line and tag.search("\n".join(partials.as_read(partials.pack("", line, files)))):
            return number
    return None
