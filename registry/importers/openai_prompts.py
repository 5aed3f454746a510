"""Read prompts that were stored at OpenAI: each version as a request to the Responses API. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.errors import Invalid
from registry.importers import dumps, history, messages, names, openai_shapes
from registry.importers.history import Version
from registry.importers.imported import Imported, Refused
from registry.importers.messages import Said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from registry.importers.imported import Read

DEFAULT = "default"  # the version that a call without one gets
# What says which prompt it is, or how one call of it is made.
_APART = frozenset((
    "background", "created_at", "description", "id", "include", "input", "instructions", "is_default",
    "message", "messages", "metadata", "model", "name", "object", "prompt", "reasoning", "store", "stream",
    "text", "user", "variables", "version",
))  # fmt: skip


def read(entries: Iterable[dumps.Entry]) -> Read:
    """Yield the versions of all prompts, oldest first."""
    found = []
    for entry in entries:
        version = _version(entry)
        if isinstance(version, Refused):
            yield version
        else:
            found.append(version)
    yield from history.read(found, _imported)


def _version(entry: dumps.Entry) -> Version | Refused:
    value = entry.value
    if value.get("object") == "response":
        return Refused(
            entry.path, None, "it is an answer, in which the variables are put in; dump the prompt itself"
        )
    if "ideal" in value:
        why = "it is a sample of OpenAI's open-source evals, with messages of its own; make a prompt of them"
        return Refused(entry.path, None, why)
    about = dumps.mapping(value, "prompt")
    source = dumps.text(value, "name") or dumps.text(about, "id") or dumps.text(value, "id")
    number = dumps.whole(value.get("version", about.get("version")))
    if source is None:
        return Refused(entry.path, None, "an entry has no id and no name; add the prompt's to it")
    if number is None:
        return Refused(source, None, "an entry has no version; add the number that its page shows")
    return Version(source, number, number, value)


def _imported(version: Version) -> Imported:
    value = version.content
    notes: list[str] = []
    template = openai_shapes.double_braces(notes)
    said = [*_instructions(value.get("instructions"), template), *openai_shapes.said(_input(value), template)]
    document = openai_shapes.request(value, notes) | messages.document(said)
    if isinstance(value.get("description"), str):
        document["description"] = value["description"]
    if metadata := dumps.mapping(value, "metadata"):
        document["metadata"] = metadata
    notes += [f"the key {key}" for key in value if key not in _APART | openai_shapes.OPTIONS]
    if any(dumps.mapping(value, "variables").values()):
        notes.append("the values of variables, which a call gives")
    return Imported(
        names.of(version.source),
        version.number,
        document,
        source=version.source,
        at=seconds(value.get("created_at")),
        message=dumps.text(value, "message"),
        labels=(DEFAULT,) if value.get("is_default") is True else (),
        left_out=tuple(dict.fromkeys(notes)),
    )


def _instructions(given: Any, template: openai_shapes.Template) -> list[Said]:
    if isinstance(given, str) and given:
        return [Said("system", template(given))]
    return list(openai_shapes.said(given, template)) if given else []


def _input(value: Mapping[str, Any]) -> Any:
    for key in ("input", "messages"):
        if value.get(key):
            return value[key]
    if value.get("instructions"):
        return []
    raise Invalid("it has no instructions, input or messages; copy them from its page")


def seconds(value: Any) -> datetime | None:
    """Return a time in seconds since 1970, as OpenAI has it; None if it is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return dumps.moment(value * 1000 if is_number else value)
