"""Messages of other tools, as a prompt file has them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from registry.catalog.parsing.messages import ROLES
from registry.errors import Invalid
from registry.importers import texts
from registry.importers.texts import Text
from registry.system.text import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What other tools call a role that there is here.
_SAME_ROLES = {"human": "user", "ai": "assistant", "model": "assistant"}
# Where other tools keep calls of tools, and the call that a message answers.
_CALLS = ("tool_calls", "toolCalls", "tool_call_id", "toolCallId", "function_call")
NAME_OF_PERSON = "the name of who says a message, beside the role"


class Said(NamedTuple):
    """A message; where its content is a list of parts, every text in them is a `Text`."""

    role: str
    content: Any


class Place(NamedTuple):
    """A place for messages of the app."""

    name: str
    is_optional: bool = False


def role(name: Any) -> str:
    """Return the role that a tool's name means. Raises Invalid."""
    found = _SAME_ROLES.get(name, name) if isinstance(name, str) else None
    if found in ROLES:
        return str(found)
    shown = visible(str(name))[:40]
    raise Invalid(f"a message has the role {shown!r}; give it one of {', '.join(ROLES)} in the source")


def require_plain(value: Mapping[str, Any], notes: list[str]) -> None:
    """Let a message pass that is more than its role and content by its name at most, which is noted.

    Raises:
        Invalid: it has calls of tools, or answers one.
    """
    more = value.get("additional_kwargs")
    for each in (value, more if isinstance(more, dict) else {}):
        if any(each.get(key) for key in _CALLS):
            raise Invalid("a message has calls of tools, which a message here cannot hold; remove it there")
    if isinstance(name := value.get("name"), str) and name and NAME_OF_PERSON not in notes:
        notes.append(NAME_OF_PERSON)


def document(messages: Sequence[Said | Place]) -> dict[str, Any]:
    """Return the keys `template`, where the texts need it, and `messages` of a prompt file.

    Raises:
        Invalid: with what has no counterpart there.
    """
    if not messages:
        raise Invalid("it has no messages; give it one in the source")
    every = [text for said in messages if isinstance(said, Said) for text in texts.within(said.content)]
    language = texts.language(every)
    _require_names({name for text in every for name in text.names}, messages)
    found = {"template": language} if language else {}
    return found | {"messages": [_message(message, language) for message in messages]}


def _require_names(variables: set[str], messages: Sequence[Said | Place]) -> None:
    """Raise Invalid where a place has the name of a variable, or of another place."""
    places = [message.name for message in messages if isinstance(message, Place)]
    for index, name in enumerate(places):
        if name in variables or name in places[:index]:
            raise Invalid(
                f"{name} stands for messages, and for something else, too; rename one in the source"
            )


def _message(message: Said | Place, language: str | None) -> dict[str, Any]:
    if isinstance(message, Place):
        place: dict[str, Any] = {"placeholder": message.name}
        return place | {"optional": True} if message.is_optional else place
    if message.content in ([], Text("", ("",), ())):
        raise Invalid(f"a message of {message.role} is empty; write its text in the source, or remove it")
    return {"role": message.role, "content": _written(message.content, language)}


def _written(content: Any, language: str | None) -> Any:
    if isinstance(content, Text):
        return texts.write(content, language)
    if isinstance(content, dict):
        return {key: _written(each, language) for key, each in content.items()}
    if isinstance(content, list):
        return [_written(each, language) for each in content]
    return content
