"""Read the messages of a prompt file: texts, content parts, and places for messages of the app. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from promptstage import mustache, template
from promptstage.model import Message, MessagesPlaceholder, fill
from registry.catalog.parsing import partials, placeholders
from registry.catalog.parsing.codes import CODES
from registry.catalog.parsing.fields import Fields, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from promptstage.mustache import Use
    from registry.catalog.parsing.nodes import Node
    from registry.catalog.parsing.partials import Files
    from registry.catalog.parsing.strict_yaml import Source

ROLES = ("system", "developer", "user", "assistant", "tool")
# OpenAI's content parts, with what each needs below the key of its own name: one text of each group.
PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "text": (),  # the text itself
    "image_url": (("url",),),
    "input_audio": (("data",), ("format",)),
    "file": (("file_id", "file_data"),),
}
_KEYS = ("role", "content")
_PLACEHOLDER_KEYS = ("placeholder", "optional")
_NAME = re.compile(template.NAME)


class Text(NamedTuple):
    """A template.

    Attributes:
        node: where it is in the file, as it is written there.
        text: as the document holds it, with its partials.
        uses: the names in it, with their places in the file, if it is Mustache.
        missing: the paths of partials that were not given.
    """

    node: Node
    text: str
    uses: tuple[Use, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages that could be read.

    Attributes:
        texts: all templates, in the order of `promptstage.model.Document.texts`.
        places: those of the placeholders, by name.
        missing: the paths of partials that were not given.
    """

    messages: tuple[Message | MessagesPlaceholder, ...]
    texts: list[Text]
    places: Mapping[str, Node]
    missing: tuple[str, ...]

    @property
    def is_structured(self) -> bool:
        """Tell whether there is more than messages of text."""
        return bool(self.places) or any(
            isinstance(m, Message) and isinstance(m.content, list) for m in self.messages
        )


NONE = Messages((), [], {}, ())


def read(source: Source, top: Fields, language: str | None, files: Files) -> Messages:
    """Read the messages of a file, with its partials put in."""
    nodes = top.list("messages")
    if top.valid and ("messages" not in top or top.at("messages").value == []):
        top.report(
            "messages", "no_messages", "there are no messages; add `messages:` with a role and a content"
        )
    found: list[Message | MessagesPlaceholder] = []
    texts: list[Text] = []
    places: dict[str, Node] = {}
    missing: dict[str, None] = {}
    for node in nodes:
        entry = Fields(source, node, "a message")
        if not entry.valid:
            continue
        if "placeholder" in entry and not {"role", "content"} & entry.items.keys():
            if placeholder := _placeholder(entry, places):
                places[placeholder.name] = entry.at("placeholder")
                found.append(placeholder)
        elif role := _role(source, entry):
            content = entry.at("content")
            every = [_text(source, text, language, files) for text in _texts_in(content)]
            whole = [text for text in every if text]
            if len(whole) == len(every):
                texts += whole
                found.append(Message(role, fill(content.plain(), (text.text for text in whole))))
                missing |= dict.fromkeys(path for text in whole for path in text.missing)
    return Messages(tuple(found), texts, places, tuple(missing))


def refuse_variables(source: Source, found: Messages, variables: Collection[str]) -> None:
    """Refuse placeholders with the name of a variable, as one value cannot be both."""
    for name, place in found.places.items():  # in their order, so that the first error is the same each time
        if name in variables:
            message = f"{name} is a variable, too; give the placeholder another name, or remove the variable"
            source.report(place, "placeholder", message)


def _placeholder(entry: Fields, places: Mapping[str, Node]) -> MessagesPlaceholder | None:
    entry.warn_unknown(_PLACEHOLDER_KEYS, "remove it")
    name = entry.text("placeholder", "")
    if not _NAME.fullmatch(name):
        message = "a placeholder needs a name; use letters, digits, _ . and -, no digit first"
        entry.report("placeholder", "placeholder", message)
        return None
    if name in places:
        message = f"{name} has a place already; remove one of the two, or give it another name"
        entry.report("placeholder", "placeholder", message)
    return MessagesPlaceholder(name, entry.flag("optional", default=False))


def _role(source: Source, entry: Fields) -> str | None:
    """Return the role of a message; None if its content cannot be read."""
    short = next((role for role in ROLES if role in entry.items and "role" not in entry), None)
    if "placeholder" in entry and "content" not in entry:
        message = "a placeholder takes whole messages of the app, each with a role of its own; remove `role:`"
        entry.report("role", "placeholder", message)
        return None
    entry.warn_unknown((*_KEYS, short or ""), "remove it")
    roles = f"this role is unknown; use one of {', '.join(ROLES)}"
    if short:
        roles = f"a role is no key; write `role: {short}`, and the text as `content:`"
    role = entry.needed("role", "unknown_role", roles).lower()  # GitHub's own reader ignores case
    if role and role not in ROLES:
        entry.report("role", "unknown_role", roles)
    node = entry.at("content")
    if "content" in entry and isinstance(node.value, list):
        readable = _parts(source, entry)
    else:
        readable = bool(entry.needed("content", "no_content", "the message has no content; write its text"))
    return role if readable else None


def _parts(source: Source, entry: Fields) -> bool:
    """Check a list of parts; tell whether all can be read."""
    nodes = entry.list("content")
    if not nodes:
        entry.report("content", "no_content", "the list has no parts; write a text, or a part")
    faulty = [node for node in nodes if not _is_part(source, node)]
    return bool(nodes) and not faulty


def _is_part(source: Source, node: Node) -> bool:
    """Report what is wrong with a part; tell whether it can be read."""
    if isinstance(node.value, str):
        source.report(node, "part", "a text among parts is a part, too; write `{type: text, text: ...}`")
        return False
    part = Fields(source, node, "a part")
    kind = (
        part.needed("type", "part", f"a part needs a type; write one of {', '.join(PARTS)}")
        if part.valid
        else ""
    )
    if kind in PARTS:
        return _has_shape(source, part, kind)
    if kind:
        near = nearest(kind, PARTS)
        guess = f"did you mean {near}?" if near else f"known are {', '.join(PARTS)}"
        part.report("type", "part_type", f"this type is unknown, so the part is sent as it is; {guess}")
    return bool(kind)


def _has_shape(source: Source, part: Fields, kind: str) -> bool:
    """Tell whether a part of a known type has what that needs."""
    groups = PARTS[kind]
    shape = f"{kind}: " + (f"{{{', '.join(f'{group[0]}: ...' for group in groups)}}}" if groups else "...")
    value = part.at(kind).value if kind in part else None
    if not isinstance(value, dict if groups else str):
        part.report(kind, "part", f"the part has no {kind} as it should; write `{shape}`")
        return False
    inner = Fields(source, part.at(kind), kind) if groups else part
    for group in groups:
        if not any(name in inner and inner.at(name).value and inner.text(name, "") for name in group):
            inner.report(group[0], "part", f"the part has no {' or '.join(group)}; write `{shape}`")
            return False
    return True


def _texts_in(node: Node) -> Iterator[Node]:
    """Go through the texts of a content, in the order of `promptstage.model.texts_in`."""
    if isinstance(node.value, str):
        yield node
    elif isinstance(node.value, dict | list):
        for inner in node.value.values() if isinstance(node.value, dict) else node.value:
            yield from _texts_in(inner)


def _text(source: Source, node: Node, language: str | None, files: Files) -> Text | None:
    """Read a text, and report what is odd in it; None if it cannot be read."""
    readable = True
    for odd in placeholders.find(node.value, language):
        place = source.within(node, odd.offset, odd.written)
        if CODES[odd.code].severity == "error":
            source.refuse(place, odd.code, odd.message)
            readable = False
        else:
            source.report(place, odd.code, odd.message)
    if not readable or language != mustache.LANGUAGE:
        return Text(node, node.value) if readable else None
    try:
        expanded = partials.expand(node.value, files)
    except partials.PartialWrong as wrong:
        source.refuse(source.within(node, wrong.tag.offset, wrong.tag.written), "partial", str(wrong))
        return None
    for path, tag in expanded.missing.items():
        message = f"{tag.written!r} asks for {path}, which is not there; write that file, and git commit it"
        source.refuse(source.within(node, tag.offset, tag.written), "partial", message)
    return Text(node, expanded.text, expanded.uses, tuple(expanded.missing))
