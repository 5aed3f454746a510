"""Read prompts of MLflow's registry: its model versions with the tags of prompts, or the SDK's objects. Pure.

A dump holds answers of `model-versions/search` and, for descriptions and aliases, `registered-models/search`;
or what ``dict(PromptVersion)`` of the Python SDK gives.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Invalid
from registry.importers import dumps, history, languages, names, settings
from registry.importers.history import Version
from registry.importers.imported import Imported, Refused
from registry.importers.messages import Said, document, require_plain, role
from registry.importers.parameters import parameters
from registry.importers.texts import Text
from registry.system.text import SHOWN, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.importers.imported import Files, Read

IS_PROMPT = "mlflow.prompt.is_prompt"  # the tag by which MLflow knows a prompt among models
TEXT = "mlflow.prompt.text"
TYPE = "_mlflow_prompt_type"
RESPONSE_FORMAT = "_mlflow_prompt_response_format"
MODEL_CONFIG = "_mlflow_prompt_model_config"
_INTERNAL = re.compile(r"_?mlflow[._]")
_PART = r"[a-zA-Z_][a-zA-Z0-9_]*"
_VARIABLE = re.compile(rf"\{{\{{\s*({_PART}(?:\.{_PART})*)\s*\}}\}}")


class Known(NamedTuple):
    """What a dump says of prompts as a whole: descriptions, and aliases by version."""

    descriptions: dict[str, str]
    aliases: dict[tuple[str, int], list[str]]


def read(files: Files) -> Read:
    """Yield the versions of all prompts in a dump, oldest first; other models are passed over."""
    known = Known({}, defaultdict(list))
    versions = []
    for entry in dumps.entries(files):
        if isinstance(entry, Refused):
            yield entry
            continue
        source, number = dumps.text(entry.value, "name"), dumps.whole(entry.value.get("version"))
        if not source:
            yield Refused(entry.path, None, "an entry has no name; export what the API gives of each version")
        elif "version" not in entry.value:
            _note_prompt(entry.value, source, known)
        elif number is None:
            yield Refused(source, None, f"an entry of {entry.path} has an odd version; export it again")
        elif "template" in entry.value or IS_PROMPT in _tags(entry.value):
            versions.append(Version(source, number, number, entry.value))
    yield from history.read(versions, partial(_imported, known=known))


def _note_prompt(value: Mapping[str, Any], source: str, known: Known) -> None:
    if description := dumps.text(value, "description"):
        known.descriptions[source] = description
    aliases = value.get("aliases")
    for each in aliases if isinstance(aliases, list) else ():
        match each:
            case {"alias": str(alias), "version": version} if number := dumps.whole(version):
                known.aliases[source, number].append(alias)


def _tags(value: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags: a mapping, or a list of keys and values as the API has it."""
    tags = value.get("tags")
    pairs = tags.items() if isinstance(tags, dict) else _pairs(tags)
    return {key: each for key, each in pairs if isinstance(key, str) and isinstance(each, str)}


def _pairs(tags: Any) -> list[tuple[Any, Any]]:
    each = tags if isinstance(tags, list) else []
    return [(tag.get("key"), tag.get("value")) for tag in each if isinstance(tag, dict)]


def _imported(version: Version, known: Known) -> Imported:
    value, source = version.content, version.source
    tags, notes = _tags(value), list[str]()
    author = dumps.text(value, "user_id")
    aliases = dict.fromkeys((*known.aliases[source, version.order], *dumps.texts(value, "aliases")))
    return Imported(
        name=names.of(source),
        number=version.number,
        document=_document(value, source, tags, known, notes),
        source=source,
        author=author,
        email=author if author and "@" in author else None,
        at=dumps.moment(_milliseconds(value.get("creation_timestamp"))),
        message=dumps.text(value, "description", "commit_message"),
        labels=tuple(aliases),
        left_out=tuple(notes),
    )


def _milliseconds(value: Any) -> Any:
    """Return a timestamp as a number: in JSON, MLflow's are numbers, and those of proto3 are texts."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,15}", value, re.ASCII) else value


def _document(
    value: Mapping[str, Any], source: str, tags: Mapping[str, str], known: Known, notes: list[str]
) -> dict[str, Any]:
    messages = document(_messages(_given(value, tags, "template", TEXT), tags.get(TYPE) == "chat", notes))
    config = _given(value, tags, "model_config", MODEL_CONFIG)
    wanted = _given(value, tags, "response_format", RESPONSE_FORMAT)
    found = _model(config, notes) if isinstance(config, dict) else {}
    if wanted:
        found |= settings.response_format(wanted, notes)
    own = {key: each for key, each in tags.items() if not _INTERNAL.match(key)}
    title = {"name": source} if source != names.of(source) else {}
    described = {"description": known.descriptions[source]} if source in known.descriptions else {}
    return title | described | found | messages | ({"metadata": {"tags": own}} if own else {})


def _model(config: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return what a `PromptModelConfig` says: the model and, all else, its parameters."""
    every = {key: each for key, each in config.items() if key != "extra_params" and each is not None}
    found, rest = settings.from_config(every | dumps.mapping(config, "extra_params"), notes)
    if isinstance(provider := rest.pop("provider", None), str) and provider and "model" in found:
        found["model"] = f"{provider}/{found['model']}"
    own = found.get("modelParameters", {}) | parameters(rest)
    return found | ({"modelParameters": own} if own else {})


def _given(value: Mapping[str, Any], tags: Mapping[str, str], key: str, tag: str) -> Any:
    """Return what an object of the SDK has by a key, or the API in a tag."""
    if key in value:
        return value[key]
    text = tags.get(tag)
    if tag == TEXT or text is None:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(f"its tag {tag} is no JSON; correct it in the source") from None


def _messages(given: Any, is_chat: bool, notes: list[str]) -> list[Said]:
    """Return the messages of a template; whether a text is a list of messages says a tag."""
    if isinstance(given, str) and is_chat:
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise Invalid("its messages are no JSON; export it again") from None
    said = [("user", given)] if isinstance(given, str) else [_message(each, notes) for each in _list(given)]
    is_jinja = any("{%" in text and "%}" in text for _, text in said)
    read_text: Callable[[str], Text] = languages.jinja if is_jinja else partial(double_braces, notes=notes)
    return [Said(who, read_text(text)) for who, text in said]


def _list(given: Any) -> list[Any]:
    if isinstance(given, list):
        return given
    raise Invalid("its template is neither a text nor a list of messages; export it again")


def _message(value: Any, notes: list[str]) -> tuple[str, str]:
    match value:
        case {"role": said, "content": str(content)}:
            require_plain(value, notes)
            return role(said), content
    raise Invalid("a message is no text with a role, and MLflow replaces variables in texts alone")


def double_braces(text: str, notes: list[str]) -> Text:
    """Read a text as MLflow does: ``{{name}}`` alone is a variable."""
    literals, found, end = [""], [], 0
    for each in _VARIABLE.finditer(text):
        literals[-1] += text[end : each.start()]
        literals.append("")
        found.append(each[1])
        end = each.end()
    literals[-1] += text[end:]
    odd = re.findall(r"\{\{[^{}\n]*\}\}", "\n".join(literals))
    notes += [f"{visible(each[:SHOWN])} as a variable, as it is none for MLflow either" for each in odd]
    return Text(text, tuple(literals), tuple(found))
