"""Messages and settings in the shapes of OpenAI's APIs: Responses, chat completions, evals. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from registry.errors import Invalid
from registry.importers import languages, messages, settings
from registry.importers.messages import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from registry.importers.texts import Text

    Template = Callable[[str], Text]

# What a request says beside its model and messages, and a prompt file has a place for.
OPTIONS = frozenset((
    "frequency_penalty", "logprobs", "max_completion_tokens", "max_output_tokens", "max_tokens", "n",
    "parallel_tool_calls", "presence_penalty", "reasoning_effort", "response_format", "seed", "service_tier",
    "stop", "temperature", "tool_choice", "tools", "top_logprobs", "top_p",
))  # fmt: skip


def double_braces(notes: list[str]) -> Template:
    """Return a reader of texts with ``{{name}}``; what cannot be a name is text, and noted."""

    def note(tag: str) -> None:
        notes.append(f"{tag} as a variable: it stays as text")

    return partial(languages.double_braces, note=note)


def said(items: Any, read: Template) -> Iterator[Said]:
    """Yield the messages of a list of items. Raises Invalid for what is none."""
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict) or item.get("type", "message") != "message" or "role" not in item:
            raise Invalid("one of its items is no message; only messages can stand in a prompt file")
        yield Said(messages.role(item["role"]), content(item.get("content"), read))


def content(value: Any, read: Template) -> Any:
    """Return the content of a message: a text, or parts where there is more than one. Raises Invalid."""
    parts = [_part(each, read) for each in (value if isinstance(value, list) else [value])]
    return parts[0]["text"] if len(parts) == 1 and "text" in parts[0] else parts


def _part(part: Any, read: Template) -> dict[str, Any]:
    match part:
        case str(text) | {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return {"type": "text", "text": read(text)}
        case {"type": "input_image", "image_url": str(url)}:
            detail = {"detail": part["detail"]} if isinstance(part.get("detail"), str) else {}
            return {"type": "image_url", "image_url": {"url": read(url), **detail}}
        case {"type": "image_url", "image_url": {"url": str(url), **rest}}:
            return {"type": "image_url", "image_url": {"url": read(url), **rest}}
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    raise Invalid(f"a message has a part {str(kind)[:40]!r}, which no prompt file holds")


def request(value: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the keys of a prompt file for what a request says beside its messages."""
    rest = {key: each for key, each in value.items() if each is not None}
    found: dict[str, Any] = {}
    if isinstance(rest.get("model"), str):
        model = rest["model"]
        found["model"] = model if "/" in model else f"openai/{model}"
    options = {key: each for key, each in rest.items() if key in OPTIONS and each != []}
    options |= _text(rest.get("text"), notes)
    match rest.get("reasoning"):
        case {"effort": str(effort)}:
            options["reasoning_effort"] = effort
    return found | settings.of_request(options, notes)


def _text(given: Any, notes: list[str]) -> dict[str, Any]:
    """Return the options for `text` of the Responses API."""
    if not isinstance(given, dict):
        return {}
    found = {"verbosity": given["verbosity"]} if isinstance(given.get("verbosity"), str) else {}
    match given.get("format"):
        case None | {"type": "text"}:
            return found
        case {"type": "json_schema", **schema}:
            return found | {"response_format": {"type": "json_schema", "json_schema": schema}}
        case {"type": "json_object"}:
            return found | {"response_format": {"type": "json_object"}}
    notes.append("text.format, which has a shape of its own")
    return found
