"""Write rendered messages as MCP has them. Pure.

MCP knows the roles `user` and `assistant`, and one content a message. So a `system` or `developer` message is
a message of the user in its place, which is first, as a rule; its content's `_meta` has the role. A message
of several parts becomes as many messages. What cannot be written exactly is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PREFIX = "dev.promptstage/"  # of our keys in `_meta`
INSTRUCTING = ("system", "developer")
AUDIO = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_DATA = re.compile(r"data:(image/[a-z0-9.+-]+);base64,([A-Za-z0-9+/]+={0,2})", re.ASCII)


def write(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Write messages of OpenAI's shape. Raises Invalid (`not_portable`)."""
    return [message for given in messages for message in _written(given)]


def _written(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    role, content = message["role"], message.get("content")
    if role not in {"user", "assistant", *INSTRUCTING}:
        raise _not_portable(f"a message of the role {role!r}")
    if message.get("tool_calls"):
        raise _not_portable("calls of tools")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list):
        raise _not_portable("a message whose content is neither a text nor a list of parts")
    for part in parts:
        written = _part(part)
        if role in INSTRUCTING:
            written["_meta"] = {PREFIX + "role": role}
        yield {"role": "assistant" if role == "assistant" else "user", "content": written}


def _part(part: object) -> dict[str, Any]:
    kind, inner = ("", None) if not isinstance(part, dict) else (part.get("type"), part)
    if inner is None:
        raise _not_portable("a part that is no mapping")
    if kind == "text" and isinstance(inner.get("text"), str):
        return {"type": "text", "text": inner["text"]}
    value = inner.get(kind) if isinstance(kind, str) else None
    if kind == "image_url" and isinstance(value, dict):
        found = _DATA.fullmatch(str(value.get("url")))
        if found is None:
            raise _not_portable("an image by its address; MCP has images by their bytes (data:image/...)")
        return {"type": "image", "data": found[2], "mimeType": found[1]}
    if kind == "input_audio" and isinstance(value, dict) and value.get("format") in AUDIO:
        return {"type": "audio", "data": str(value.get("data")), "mimeType": AUDIO[value["format"]]}
    raise _not_portable(f"a part of the type {kind!r}")


def _not_portable(what: str) -> Invalid:
    return Invalid(
        f"this prompt has {what}, which MCP cannot carry; use the registry's own client or API",
        code="not_portable",
    )
