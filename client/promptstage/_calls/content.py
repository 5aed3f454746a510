"""The content of a call, as it was at that moment: what was put into the prompt, and what came out."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage._calls.answer import Answer
    from promptstage.prompt import Prompt

    Json = dict[str, Any]
    Redact = Callable[[Json], Json | None]

FIELDS = ("variables", "placeholders", "messages", "response")
BYTES = 256 * 1024
"""Of what goes in, and of what comes out, as JSON: some fifty pages. What is larger is left out."""

_logger = logging.getLogger("promptstage")


class Content:
    """What went in and came out, as JSON: an application may change its messages a moment later."""

    __slots__ = ("_input", "_response")

    def __init__(self) -> None:
        self._input = self._response = ""

    def __len__(self) -> int:
        """Bytes that it takes; JSON is ASCII here."""
        return len(self._input) + len(self._response)

    def put_in(self, prompt: Prompt, given: Mapping[str, object], messages: object) -> bool:
        """Take what a prompt was rendered with, and the messages that came of it; whether it fits."""
        places = {placeholder.name for placeholder in prompt.document.placeholders}
        text = _dump(
            {
                "variables": {name: value for name, value in given.items() if name not in places},
                "placeholders": {name: value for name, value in given.items() if name in places},
                "messages": messages,
            }
        )
        self._input = text if len(text) <= BYTES else ""
        return bool(self._input)

    def came_out(self, answer: Answer) -> bool:
        """Take what the model said, as a message in OpenAI's shape; whether it fits."""
        message: Json = {"role": "assistant", "content": "".join(answer.texts or ())}
        if answer.tools:
            message["tool_calls"] = [
                {"type": "function", "function": {"name": name, "arguments": arguments}}
                for name, arguments in answer.tools
            ]
        text = _dump({"response": message})
        self._response = text if len(text) <= BYTES else ""
        return bool(self._response)

    def to_json(self) -> Json:
        """The fields of a record; those that nothing is known of are None."""
        fields: Json = dict.fromkeys(FIELDS)
        for text in (self._input, self._response):
            if text:
                fields |= json.loads(text)
        return fields


def redacted(content: Json, redact: Redact | None) -> Json | None:
    """What an application lets out of its content; None if that is nothing, or if its function fails."""
    if redact is None:
        return content
    try:
        changed = redact(content)
        if changed is None:
            return None
        fields: Json = json.loads(_dump({name: changed.get(name) for name in FIELDS}))
    except Exception as error:  # noqa: BLE001 - the application's own code
        _logger.warning("the content of a call is left out: redact= failed with %s", type(error).__name__)
        return None
    return fields


def is_json(text: str) -> bool:
    """Whether a text is JSON, as a whole."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _dump(value: Json) -> str:
    return json.dumps(value, default=_plain, separators=(",", ":"), skipkeys=True)


def _plain(value: Any) -> Any:
    """What JSON can hold of an object: the messages that SDKs return have a way of their own."""
    if isinstance(value, Mapping):
        return dict(value)
    dump = getattr(value, "model_dump", None)
    return dump(mode="json", exclude_none=True) if callable(dump) else str(value)
