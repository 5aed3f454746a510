"""Checks of JSON and of tool calls. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.suites.checks import json_values, schemas
from registry.suites.checks.texts import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry.suites.checks.texts import Said


def is_json(output: str, schema: Any) -> Said:
    """Judge the whole answer."""
    value = json_values.parse(output)
    if value is json_values.NONE:
        return False, "is JSON"
    wrong = schemas.violation(schema, value) if schema is not None else ""
    return not wrong, "is valid by the schema" + (f" ({wrong})" if wrong else "")


def contains_json(output: str, schema: Any) -> Said:
    """Judge the objects in an answer, of which one must be valid."""
    words = "has a JSON object in it"
    found = list(json_values.objects(output))
    if schema is None or not found:
        return bool(found), words
    wrong = ""
    for value in found:
        wrong = schemas.violation(schema, value)
        if not wrong:
            return True, f"{words} that is valid by the schema"
    return False, f"{words} that is valid by the schema ({wrong})"


def calls_tools(calls: Any, tools: Iterable[Mapping[str, Any]]) -> Said:
    """Judge tool calls in OpenAI's shape by the tools that were offered."""
    words = "calls the tools that are offered, with valid arguments"
    if not isinstance(calls, list | tuple) or not calls:
        return False, f"{words} (it calls none)"
    known = {tool["function"]["name"]: tool["function"].get("parameters") for tool in tools}
    wrong = next(filter(None, (_wrong_call(call, known) for call in calls)), "")
    return not wrong, words + (f" ({wrong})" if wrong else "")


def _wrong_call(call: Any, known: Mapping[str, Any]) -> str:
    match call:
        case {"function": {"name": str(name), "arguments": str(arguments)}}:
            pass
        case _:
            return f"{quoted(call)} is no call"
    if known.get(name) is None:
        return f"there is no tool {name} with parameters"
    value = json_values.parse(arguments)
    if value is json_values.NONE:
        return f"the arguments of {name} are no JSON: {quoted(arguments)}"
    wrong = schemas.violation(known[name], value)
    return f"{name}: {wrong}" if wrong else ""


def tool_calls(text: str, calls: Iterable[Any]) -> Any:
    """Return the calls of an answer; those of a text that is the JSON of some, if there are no others."""
    given = list(calls)
    if given:
        return given
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found.get("tool_calls") if isinstance(found, dict) else found
