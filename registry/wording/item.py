"""The texts of a call as people read it: what it was made with, and what was answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json


def answer(item: Json) -> str:
    """Return what the model answered: its text, else the tools that it called."""
    response = item["content"].get("response")
    if isinstance(response, dict) and "content" in response:
        return _text(response["content"] or response.get("tool_calls"))
    return _text(response)


def inputs(content: Json) -> Iterator[tuple[str, str]]:
    """Yield what the call was made with: its variables, or the messages of an app that renders by itself."""
    given = {**(content.get("variables") or {}), **(content.get("placeholders") or {})}
    if given:
        yield from ((clean(name), _text(value)) for name, value in given.items())
    for message in () if given else content.get("messages") or ():
        yield clean(message.get("role", "message")), _text(message.get("content"))


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, indent=2)
