"""Read the tools that a prompt file offers to a model, in OpenAI's shape. Pure.

Files had these keys before they meant anything, and were served. So nothing here makes a version invalid:
what cannot be read is reported where prompts are checked, and stays in the document's `extra`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing.fields import Fields

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.catalog.parsing.nodes import Node
    from registry.catalog.parsing.strict_yaml import Source

CHOICES = ("auto", "none", "required")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what OpenAI and Anthropic take
_FIELDS: dict[str, tuple[type, str]] = {
    "description": (str, "text"),
    "parameters": (dict, "a JSON Schema"),
    "strict": (bool, "true or false"),
}
_SHAPE = "write `{type: function, function: {name: ..., description: ..., parameters: ...}}`"
_CHOICE = f"write {', '.join(CHOICES)}, or `{{type: function, function: {{name: ...}}}}` with a tool's name"


def read(source: Source, top: Fields) -> tuple[Json, ...]:
    """Return the tools; none if one of them cannot be read, as an app would miss it."""
    if "tools" not in top:
        return ()
    node = top.at("tools")
    if not isinstance(node.value, list):
        top.report("tools", "tools", f"tools must be a list, so it is not read; {_SHAPE} for each")
        return ()
    names = [_name(source, tool) for tool in node.value]
    for index, name in enumerate(names):
        if name and name in names[:index]:
            source.report(node.value[index], "tools", f"{name} is there twice; remove one of them")
    return () if None in names else tuple(node.plain())


def read_choice(top: Fields, tools: tuple[Json, ...]) -> str | Json | None:
    """Return what the model should call; None if that is left to the API, or cannot be read."""
    if "toolChoice" not in top:
        return None
    choice: Any = top.at("toolChoice").plain()
    names = {tool["function"]["name"] for tool in tools}
    if tools and (choice in CHOICES or _chosen(choice) in names):
        return choice  # type: ignore[no-any-return]
    message = _CHOICE if tools else "there are no tools to choose from; add `tools:`, or remove it"
    top.report("toolChoice", "tools", f"toolChoice is not read: {message}")
    return None


def _chosen(choice: Any) -> str | None:
    """Return the name in ``{"type": "function", "function": {"name": ...}}``."""
    match choice:
        case {"type": "function", "function": {"name": str(name)}}:
            return name
    return None


def _name(source: Source, node: Node) -> str | None:
    """Check the shape of one tool; return its name, or None if it cannot be read."""
    tool = node.value if isinstance(node.value, dict) else {}
    function = tool.get("function")
    inner = function.value if function and isinstance(function.value, dict) else {}
    name = inner.get("name")
    kind = tool.get("type")
    if not name or not isinstance(name.value, str) or not kind or kind.value != "function":
        source.report(node, "tools", f"this is no tool, so none is read; {_SHAPE}")
        return None
    Fields(source, node, "a tool").warn_unknown(("type", "function"), "remove it")
    Fields(source, tool["function"], "a function").warn_unknown(("name", *_FIELDS), "remove it")
    if not _NAME.fullmatch(name.value):
        source.report(name, "tools", "APIs refuse this name; use at most 64 letters, digits, _ and -")
    for key, (wanted, what) in _FIELDS.items():
        if key in inner and not isinstance(inner[key].value, wanted):
            source.report(inner[key], "tools", f"{key} must be {what}, so no tool is read; correct it")
            return None
    return str(name.value)
