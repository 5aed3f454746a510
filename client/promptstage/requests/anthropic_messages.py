"""Messages of OpenAI's shapes in those of Anthropic's API. Pure."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from promptstage.errors import PromptUnsupported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptstage.model import Json

IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
TEXT = "text/plain"
DOCUMENTS = ("application/pdf", TEXT)
_SYSTEM = ("system", "developer")
_ROLES = {"user": "user", "assistant": "assistant", "tool": "user"}
_DATA = re.compile(r"data:([a-z]+/[\w.+-]+)(?:;[\w-]+=[\w.-]+)*;base64,(.*)", re.DOTALL | re.IGNORECASE)
_APART = "\n\n"  # between the texts of system messages


def convert_messages(name: str, messages: Iterable[Any]) -> tuple[str | list[Any], list[Json]]:
    """Convert messages, with those of system and developer apart.

    Args:
        name: the prompt, for errors.
        messages: mappings of OpenAI's shapes, or what an SDK answered; a content may have Anthropic's blocks.

    Returns:
        The system text, or its blocks if they have more than text, and the other messages. Consecutive ones
        of a role are one, as results of tools must be. Empty texts, which the API refuses, are left out.

    Raises:
        PromptUnsupported: the API cannot carry one of them, or there is none besides system's.
    """
    system: list[Any] = []
    turns: list[tuple[str, list[Any]]] = []
    for index, given in enumerate(messages):
        where = f"{name}: messages[{index}]"
        message = _mapping(given, where)
        said = str(message.get("role"))
        if said in _SYSTEM:
            system += _system(message, where)
            continue
        if said not in _ROLES:
            raise PromptUnsupported(
                f"{where} has the role {said}; use one of {', '.join((*_SYSTEM, *_ROLES))}"
            )
        role = _ROLES[said]
        if blocks := _blocks(message, where):
            if turns and turns[-1][0] == role:
                turns[-1][1].extend(blocks)
            else:
                turns.append((role, blocks))
    if not turns:
        raise PromptUnsupported(
            f"{name}: Anthropic's API wants a message besides system; add one with `role: user` and a text"
        )
    _strip_end(*turns[-1])
    return _shortened(system, _APART), [
        {"role": role, "content": _shortened(blocks)} for role, blocks in turns
    ]


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    """Return a message or a call as a mapping; SDKs answer with objects that can be dumped."""
    if isinstance(value, Mapping):
        return value
    if not hasattr(value, "model_dump"):
        raise PromptUnsupported(f"{where} is of type {type(value).__name__}; give a mapping")
    return value.model_dump(exclude_unset=True)  # type: ignore[no-any-return]


def _system(message: Mapping[str, Any], where: str) -> list[Any]:
    blocks = _content(message.get("content"), where)
    if any(isinstance(block, dict) and block.get("type") != "text" for block in blocks):
        raise PromptUnsupported(
            f"{where} of system has more than text, which Anthropic's API wants there; move it to a user's"
        )
    return blocks


def _blocks(message: Mapping[str, Any], where: str) -> list[Any]:
    """Convert one message of another role than system."""
    content = _content(message.get("content"), where)
    if message["role"] == "tool":
        if not message.get("tool_call_id"):
            raise PromptUnsupported(
                f"{where} is a tool's and has no tool_call_id; give that of the call that it answers"
            )
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
        return [result | ({"content": _shortened(content)} if content else {})]
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list | tuple):
        raise PromptUnsupported(f"{where}.tool_calls is no list; give the calls that the model made")
    return content + [_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(calls)]


def _call(made: Any, where: str) -> Json:
    """Convert a call of a tool that the model made."""
    call = _mapping(made, where)
    try:
        function = call["function"]
        given = json.loads(function["arguments"] or "{}")
        if isinstance(given, dict):
            return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": given}
    except (KeyError, TypeError, ValueError):
        pass
    raise PromptUnsupported(
        f"{where} is no call of a function with a JSON object of arguments; give the model's, as a mapping"
    )


def _content(content: Any, where: str) -> list[Any]:
    """Convert a content to blocks; none for one that is empty."""
    if content is None:
        return []
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list | tuple):
        raise PromptUnsupported(
            f"{where} has a content that is neither a text nor a list of parts; give one of them"
        )
    converted = (_part(part, f"{where}.content[{index}]") for index, part in enumerate(content))
    return [block for block in converted if block]


def _part(part: Any, where: str) -> Any:
    """Convert a part of a content; None for an empty text. Those that are not OpenAI's stay as they are."""
    if not isinstance(part, Mapping):
        text = getattr(part, "text", None)  # of a block as the SDK returned it, which may be an empty one
        return None if isinstance(text, str) and not text.strip() else part
    match part.get("type"):
        case "text":
            if not isinstance(part.get("text"), str):
                raise PromptUnsupported(f"{where} is a part of text without a text; give it one")
            return part if part["text"].strip() else None
        case "refusal":
            return _part({"type": "text", "text": part.get("refusal")}, where)
        case "image_url":
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, Mapping) else image
            return {"type": "image", "source": _source(url, f"{where}.image_url.url", IMAGES)}
        case "file":
            return _document(part.get("file"), where)
        case "input_audio":
            raise PromptUnsupported(
                f"{where} is audio, which Anthropic's API cannot carry; leave it out, or use prompt.openai"
            )
    return part


def _document(file: Any, where: str) -> Json:
    if not isinstance(file, Mapping):
        raise PromptUnsupported(f"{where} has no file; give it one, with file_data or file_id")
    if file.get("file_id"):
        source: Json = {"type": "file", "file_id": file["file_id"]}
    else:
        source = _source(file.get("file_data"), f"{where}.file.file_data", DOCUMENTS)
    return {"type": "document", "source": source} | ({"title": t} if (t := file.get("filename")) else {})


def _source(url: Any, where: str, allowed: tuple[str, ...]) -> Json:
    """Write where an image or a document comes from."""
    if isinstance(url, str) and url.lower().startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    found = _DATA.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise PromptUnsupported(f"{where} is neither an https:// URL nor a data: URL in base64; give one")
    kind, data = found[1].lower(), found[2]
    if kind not in allowed:
        raise PromptUnsupported(f"{where} is {kind}; convert it to what Anthropic's API takes: {allowed}")
    if kind != TEXT:
        return {"type": "base64", "media_type": kind, "data": data}
    try:
        return {"type": "text", "media_type": kind, "data": b64decode(data).decode()}
    except ValueError as error:
        raise PromptUnsupported(f"{where} is no UTF-8 in base64; correct it") from error


def _strip_end(role: str, blocks: list[Any]) -> None:
    """Take the white space from the end: the API refuses it where the model has to go on."""
    last = blocks[-1]
    if role == "assistant" and isinstance(last, dict) and isinstance(last.get("text"), str):
        blocks[-1] = last | {"text": last["text"].rstrip()}


def _shortened(blocks: list[Any], apart: str | None = None) -> Any:
    """Write blocks that are nothing but text as a text: one alone, or all, joined by `apart`."""
    plain = [b["text"] for b in blocks if isinstance(b, dict) and b.keys() == {"type", "text"}]
    if len(plain) == len(blocks) and (apart is not None or len(blocks) == 1):
        return (apart or "").join(plain)
    return blocks
