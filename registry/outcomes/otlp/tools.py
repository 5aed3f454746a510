"""Find the names of tools, and the id, in an answer, in the forms that instrumentations keep answers in.

Nothing else of an answer goes on from here: the rest is content.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp.spans import (
    MAX_ITEMS,
    MAX_NAME,
    SEARCHED_FOR_ID,
    SEARCHED_FOR_TOOLS,
    TOOL_KEYS,
    clean,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry.outcomes.otlp.spans import Value

# Where a call of a tool is found: OpenAI's choices and output, Anthropic's content, OpenTelemetry's parts.
_WITHIN = ("choices", "message", "tool_calls", "output", "content", "parts")
_TYPES = {"tool_call", "tool_use", "function_call"}
_DEEPEST = 10  # OpenAI's are six deep
_FINISH_REASONS = {"tool_calls", "tool_call", "tool-calls", "tool_use", "function_call"}


def called(attributes: Mapping[str, Value], finish_reason: str | None) -> tuple[str, ...] | None:
    """Return the names of the called tools: None if there were any, and nothing says which."""
    found = kept(_names(attributes))
    return found or (None if finish_reason in _FINISH_REASONS else ())


def kept(found: Iterable[object]) -> tuple[str, ...]:
    """Return names as a call holds them."""
    cut = (clean(name, MAX_NAME) for name in found if isinstance(name, str))
    return tuple(name for name in cut if name)[:MAX_ITEMS]


def _names(attributes: Mapping[str, Value]) -> Iterable[object]:
    """Return the names in the first place that has any: several places have the same."""
    for key in SEARCHED_FOR_TOOLS:
        if key in attributes and (found := list(names(parsed(attributes[key])))):
            return found
    keyed = sorted(key for key in attributes if key.startswith(TOOL_KEYS))
    return [attributes[key] for key in keyed if ".contents." not in key] or [attributes[key] for key in keyed]


def response_id(attributes: Mapping[str, Value]) -> object:
    """Return the id in the answer itself."""
    answer = parsed(attributes.get(SEARCHED_FOR_ID))
    return answer.get("id") if isinstance(answer, dict) else None


def names(answer: Any, depth: int = 0) -> Iterator[str]:
    """Yield the names of the called tools in an answer, a message, or a list of either."""
    inner: Iterable[Any] = ()
    if isinstance(answer, list):
        inner = answer
    elif isinstance(answer, dict):
        if name := _called(answer):
            yield name
        else:
            inner = map(answer.get, _WITHIN)
    if depth < _DEEPEST:
        for item in inner:
            yield from names(item, depth + 1)


def _called(item: dict[str, Any]) -> str | None:
    function = item.get("function")
    name = function.get("name") if isinstance(function, dict) else item.get("toolName")
    if name is None and item.get("type") in _TYPES:
        name = item.get("name")
    return name if isinstance(name, str) and name else None


def parsed(text: object) -> Any:
    """Return the JSON in a text; None if it is none."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
