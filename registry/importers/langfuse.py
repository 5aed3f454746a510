"""Read prompts of Langfuse: what its API gives of each version, with ``resolve=false``. Pure.

The names are those of `GET /api/public/v2/prompts/{name}?version=n`, of the Python SDK's objects, or of the
table `prompts` of its database.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage import template
from registry.errors import Invalid
from registry.importers import dumps, history, languages, names, settings
from registry.importers.history import Version
from registry.importers.imported import Imported, Refused
from registry.importers.messages import Place, Said, document, require_plain, role
from registry.system.text import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.importers.imported import Files, Read
    from registry.importers.texts import Text

LATEST = "latest"  # a label that the server moves by itself
BY_API = "API"  # who made a version that no person made
NESTING = 5  # includes within each other, as the server has it
TEXT_LIMIT = 256 * 1024  # characters with all includes: more than a prompt file may have
_INCLUDE = re.compile(r"@@@langfusePrompt:(.{0,400}?)@@@")  # a name has 255 characters, a label 36
_NAME = re.compile(template.NAME)

Key = tuple[str, int]  # a name and a version


class Dump(NamedTuple):
    """The versions of a dump, and the texts of those that were included already."""

    versions: dict[Key, dict[str, Any]]
    texts: dict[Key, str]


def read(files: Files) -> Read:
    """Yield the versions of all prompts in a dump, oldest first."""
    versions = []
    for entry in dumps.entries(files):
        if isinstance(entry, Refused):
            yield entry
        elif isinstance(version := _version(entry), Refused):
            yield version
        else:
            versions.append(version)
    first = {(version.source, version.order): version.content for version in reversed(versions)}
    yield from history.read(versions, partial(_imported, dump=Dump(first, {})))


def _version(entry: dumps.Entry) -> Version | Refused:
    source, number = dumps.text(entry.value, "name"), dumps.whole(entry.value.get("version"))
    if not source:
        return Refused(entry.path, None, "an entry has no name; export what the API gives of each version")
    if number is None or "prompt" not in entry.value:
        return Refused(source, None, "an entry has no version or no prompt; export each version by itself")
    return Version(source, number, number, entry.value)


def _imported(version: Version, dump: Dump) -> Imported:
    value = version.content
    notes: list[str] = []
    found = _document(version, dump, notes)
    author = dumps.text(value, "createdBy", "created_by")
    return Imported(
        name=names.of(version.source),
        number=version.number,
        document=found,
        source=version.source,
        author=None if author == BY_API else author,
        at=dumps.moment(value.get("createdAt", value.get("created_at"))),
        message=dumps.text(value, "commitMessage", "commit_message"),
        labels=tuple(label for label in dumps.texts(value, "labels") if label != LATEST),
        left_out=tuple(notes),
    )


def _document(version: Version, dump: Dump, notes: list[str]) -> dict[str, Any]:
    value = version.content
    if value.get("resolutionGraph") or value.get("resolution_graph"):
        raise Invalid(
            "its includes are put in as they were when it was exported; export it with resolve=false"
        )
    messages = document(_messages(value, dump, notes))
    config = value.get("config")
    found, rest = settings.from_config(config, notes) if isinstance(config, dict) else ({}, config)
    tags = list(dumps.texts(value, "tags"))
    metadata = ({"config": rest} if rest else {}) | ({"tags": tags} if tags else {})
    if isinstance(value["prompt"], str):  # so that Langfuse's clients get a text of the registry, too
        metadata["langfuse"] = {"type": "text"}
    title = {"name": version.source} if version.source != names.of(version.source) else {}
    return title | found | messages | ({"metadata": metadata} if metadata else {})


def _messages(value: Mapping[str, Any], dump: Dump, notes: list[str]) -> list[Said | Place]:
    prompt = value["prompt"]
    if isinstance(prompt, str):
        return [Said("user", _text(prompt, dump, notes))]
    if isinstance(prompt, list):
        return [_message(each, dump, notes) for each in prompt]
    raise Invalid("its prompt is neither a text nor a list of messages; export it again")


def _message(value: Any, dump: Dump, notes: list[str]) -> Said | Place:
    match value:
        case {"type": "placeholder", "name": str(name)} if _NAME.fullmatch(name):
            return Place(name)
        case {"role": said, "content": str(content)}:
            require_plain(value, notes)
            return Said(role(said), _text(content, dump, notes))
    raise Invalid(
        "a message is neither a text with a role nor a placeholder with a name; correct it in the source"
    )


def _text(text: str, dump: Dump, notes: list[str]) -> Text:
    def note(tag: str) -> None:
        notes.append(f"what {tag} is for Langfuse's JavaScript client; it is text, as for the Python client")

    return languages.double_braces(_resolved(text, dump, ()), note)


def _resolved(text: str, dump: Dump, within: tuple[Key, ...]) -> str:
    """Return a text with its includes put in.

    Raises:
        Invalid: one of them floats, is not in the dump, is no text, or includes itself.
    """
    if len(within) > NESTING:
        raise Invalid(f"its includes are nested more than {NESTING} deep; write one out in the source")
    parts, end, length = [], 0, 0
    for found in _INCLUDE.finditer(text):
        parts += [text[end : found.start()], _included(found, dump, within)]
        end = found.end()
        length += len(parts[-2]) + len(parts[-1])
        if length > TEXT_LIMIT:
            raise Invalid(f"with its includes it has over {TEXT_LIMIT} characters; shorten it in the source")
    return "".join((*parts, text[end:]))


def _included(found: re.Match[str], dump: Dump, within: tuple[Key, ...]) -> str:
    name, _, which = found[1].partition("|")
    key, _, value = which.partition("=")
    if not name.startswith("name=") or key not in {"version", "label"} or "|" in which or not value:
        return found.group()  # Langfuse, too, takes it for text
    name = visible(name.removeprefix("name="))
    number = dumps.whole(value)
    if key == "label" or number is None:
        raise Invalid(
            f"it includes {name} by {visible(which)}, which floats; include a version in the source"
        )
    other = (name, number)
    if other in within:
        raise Invalid(
            f"it includes {name} version {number}, which includes itself; write it out in the source"
        )
    if other not in dump.texts:
        content = dump.versions.get(other, {"prompt": None})["prompt"]
        if content is None:
            raise Invalid(f"it includes {name} version {number}, which is not in the dump; export it, too")
        if not isinstance(content, str):
            raise Invalid(
                f"it includes {name} version {number}, which is no text; write it out in the source"
            )
        dump.texts[other] = _resolved(content, dump, (*within, other))
    return dump.texts[other]
