"""Read prompt templates of PromptLayer: what its API gives of each version. Pure.

The names are those of `GET /prompt-templates` and `POST /prompt-templates/{name}` with a `version`, which are
the objects of the Python SDK's `templates.all` and `templates.get`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from promptstage import template
from registry.errors import Invalid
from registry.importers import dumps, history, languages, names, settings, texts
from registry.importers.history import Version
from registry.importers.imported import Imported, Refused
from registry.importers.messages import Place, Said, document, require_plain, role
from registry.importers.parameters import parameters
from registry.system.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.importers.imported import Files, Read
    from registry.importers.texts import Text

_NAME = re.compile(template.NAME)
_SNIPPET = re.compile(r"@@@([^@\n]{1,300})(?:@(version_number|label):([^@\n]{1,100}))?@@@")
_LANGUAGES: dict[str, Callable[[str], Text]] = {"f-string": languages.fstring, "jinja2": languages.jinja}
_PARTS = ("text", "image_url")

Known = dict[tuple[str, int], dict[str, Any]]


def read(files: Files) -> Read:
    """Yield the versions of all templates in a dump, oldest first."""
    versions = []
    for entry in dumps.entries(files):
        if isinstance(entry, Refused):
            yield entry
            continue
        source = dumps.text(entry.value, "prompt_name")
        number = dumps.whole(entry.value.get("version", entry.value.get("version_number")))
        if not source:
            yield Refused(entry.path, None, "an entry has no prompt_name; export what the API gives of it")
        elif number is None:
            yield Refused(source, None, "an entry has no version; export each version by itself")
        else:
            versions.append(Version(source, number, number, entry.value))
    known = {(version.source, version.order): version.content for version in reversed(versions)}
    yield from history.read(versions, partial(_imported, known=known))


def _imported(version: Version, known: Known) -> Imported:
    value, source, notes = version.content, version.source, list[str]()
    name = names.of(source)
    prompt = _prompt(value)
    said = dumps.mapping(value, "metadata")
    own = {key: each for key, each in said.items() if key != "model"}
    tags = list(dumps.texts(value, "tags"))
    metadata = own | ({"tags": tags} if tags else {})
    return Imported(
        name=name,
        number=version.number,
        document=({"name": source} if source != name else {})
        | _model(dumps.mapping(said, "model"), notes)
        | _tools(prompt, notes)
        | document(_messages(prompt, known, notes))
        | ({"metadata": metadata} if metadata else {}),
        source=source,
        at=dumps.moment(value.get("created_at")),
        message=dumps.text(value, "commit_message"),
        labels=dumps.texts(value, "release_labels"),
        left_out=tuple(notes),
    )


def _prompt(value: Mapping[str, Any]) -> dict[str, Any]:
    prompt = dumps.mapping(value, "prompt_template")
    if prompt.get("type") == "chat" or prompt.get("type") == "completion":
        return prompt
    raise Invalid("its prompt_template is neither chat nor completion; export it again")


def _model(value: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    provider, model = dumps.text(value, "provider"), dumps.text(value, "name")
    given = dumps.mapping(value, "parameters")
    found: dict[str, Any] = {"model": f"{provider}/{model}" if provider else model} if model else {}
    if given.get("response_format"):
        found |= settings.response_format(given["response_format"], notes)
    own = {key: each for key, each in given.items() if key != "response_format" and each is not None}
    return found | ({"modelParameters": parameters(own)} if own else {})


def _tools(prompt: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the tools; `functions` and `function_call` are what OpenAI had before them."""
    if prompt.get("tools"):
        return settings.tools(prompt["tools"], prompt.get("tool_choice"), notes)
    if prompt.get("functions"):
        choice = prompt.get("function_call")
        named = choice.get("name") if isinstance(choice, dict) else choice
        return settings.tools(prompt["functions"], named, notes)
    return {}


def _messages(prompt: Mapping[str, Any], known: Known, notes: list[str]) -> list[Said | Place]:
    if prompt["type"] == "completion":
        return [Said("user", _content(prompt, known))]
    messages = prompt.get("messages")
    if not isinstance(messages, list):
        raise Invalid("its messages are no list; export it again")
    return [_message(each, known, notes) for each in messages]


def _message(value: Any, known: Known, notes: list[str]) -> Said | Place:
    match value:
        case {"role": "placeholder", "name": str(name)} if _NAME.fullmatch(name):
            return Place(name)
        case {"role": said} if said != "placeholder":
            require_plain(value, notes)
            return Said(role(said), _content(value, known))
    raise Invalid("a message has no role, or a placeholder no name that it can have here; correct it there")


def _content(value: Mapping[str, Any], known: Known) -> Any:
    """Return the content of a message: a text where it is one, else parts."""
    language = value.get("template_format", "f-string")
    if not isinstance(language, str) or language not in _LANGUAGES:
        raise Invalid(
            f"its template language is {visible(str(language))[:40]}; write it as an f-string there"
        )
    content = value.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise Invalid("the content of a message is no list of parts; export it again")
    parts = [_part(each, _LANGUAGES[language], known) for each in content]
    if len(parts) == 1 and parts[0]["type"] == "text":
        return parts[0]["text"]
    return parts


def _part(value: Any, read_text: Callable[[str], Text], known: Known) -> dict[str, Any]:
    match value:
        case {"type": "text", "text": str(text)}:
            return {"type": "text", "text": read_text(_resolved(text, known))}
        case {"type": "image_url", "image_url": {"url": str(url), **more}} if not more.get("detail"):
            return {"type": "image_url", "image_url": {"url": texts.literal(url)}}
    kind = value.get("type") if isinstance(value, dict) else type(value).__name__
    raise Invalid(f"a part of a message is {visible(str(kind))[:40]}; there are {', '.join(_PARTS)} here")


def _resolved(text: str, known: Known) -> str:
    """Return a text with its snippets put in, where the dump has the version that each one names.

    Raises:
        Invalid: one floats, is not in the dump, is no text, or has snippets of its own.
    """
    return _SNIPPET.sub(lambda found: _snippet(found, known), text)


def _snippet(found: re.Match[str], known: Known) -> str:
    name, which, value = visible(found[1]), found[2], found[3]
    number = dumps.whole(value) if which == "version_number" else None
    if number is None:
        by = f"by {which} {visible(value)}" if which else "by its name alone"
        raise Invalid(f"it includes the snippet {name} {by}, which floats; include a version in the source")
    if (name, number) not in known:
        raise Invalid(f"it includes {name} version {number}, which is not in the dump; export it, too")
    match known[name, number].get("prompt_template"):
        case {"type": "completion", "content": [{"type": "text", "text": str(text)}]} if not _SNIPPET.search(
            text
        ):
            return text
    raise Invalid(
        f"it includes {name} version {number}, which is more than a text; write it out in the source"
    )
