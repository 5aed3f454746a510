"""Read what LangChain serializes: prompt templates, and the model that is behind one. Pure.

No class of LangChain's is made here: the names of the classes and their arguments are data.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from promptstage import template
from registry.errors import Invalid
from registry.importers import langchain_model, languages, settings, texts
from registry.importers.langchain_model import Manifest, node
from registry.importers.messages import Place, Said, document, require_plain, role
from registry.system.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.importers.texts import Text

DEPTH = 8  # of sequences and bindings around a prompt; LangSmith's own have two
ESCAPED = "the escaping of HTML in values, which LangChain's Mustache does; here they go in as they are"
_NAME = re.compile(template.NAME)
_LANGUAGES: dict[str, Callable[[str], Text]] = {
    "f-string": languages.fstring,
    "mustache": languages.mustache_text,
    "jinja2": languages.jinja,
}
_ROLES = {
    "SystemMessage": "system",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "ToolMessage": "tool",
}


def read(manifest: Any, notes: list[str]) -> dict[str, Any]:
    """Return the keys of a prompt file for a prompt, alone or with a model behind it.

    Args:
        manifest: as LangSmith keeps it.
        notes: takes what cannot be carried over.

    Raises:
        Invalid: with what has no counterpart there.
    """
    prompt, *steps = _steps(manifest, DEPTH) or [node(None)]
    if prompt.kind not in {"ChatPromptTemplate", "StructuredPrompt", "PromptTemplate"}:
        raise Invalid(f"it is a {visible(prompt.kind)}, and no prompt; import the prompts alone")
    found = _messages(prompt, notes)
    if prompt.kwargs.get("output_parser"):
        notes.append("the parser of the answer, which is the app's part")
    if schema := prompt.kwargs.get("schema_"):
        found = settings.response_format(schema, notes) | found
    for step in steps:
        found = langchain_model.read(step, notes) | found
    return found


def _steps(value: Any, depth: int) -> list[Manifest]:
    """Return the prompt, then what is behind it; the parsers of answers are LangChain's own business."""
    if isinstance(value, dict) and value.get("type") == "not_implemented":
        return []
    found = node(value)
    if depth and found.kind == "RunnableSequence":
        middle = found.kwargs.get("middle") or []
        each = [
            found.kwargs.get("first"),
            *(middle if isinstance(middle, list) else []),
            found.kwargs.get("last"),
        ]
        steps = [step for inner in each if inner is not None for step in _steps(inner, depth - 1)]
        if steps:
            return steps
        raise Invalid("its manifest holds no prompt; import the prompts alone")
    return [found]


def _messages(prompt: Manifest, notes: list[str]) -> dict[str, Any]:
    if prompt.kind == "PromptTemplate":
        messages: list[Said | Place] = [Said("user", _template(prompt, notes))]
    else:
        given = prompt.kwargs.get("messages")
        messages = [_message(each, notes) for each in given] if isinstance(given, list) else []
    found = document(messages)
    if partial := _partials(prompt, messages):
        found["variables"] = _variables(messages, partial)
    return found


def _partials(prompt: Manifest, messages: list[Said | Place]) -> dict[str, Any]:
    """Return the values that a prompt has for variables. Raises Invalid if one is not plain."""
    given = prompt.kwargs.get("partial_variables")
    places = {message.name for message in messages if isinstance(message, Place)}
    found = (
        {name: each for name, each in given.items() if name not in places} if isinstance(given, dict) else {}
    )
    if odd := next(
        (name for name, each in found.items() if not isinstance(each, str | int | float | bool)), None
    ):
        raise Invalid(f"the value that it has for {visible(odd)} is no text or number; let the app give it")
    return found


def _variables(messages: list[Said | Place], partial: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every variable, with a default where the prompt has its value."""
    every = [text for said in messages if isinstance(said, Said) for text in texts.within(said.content)]
    if any(text.is_logic for text in every):
        raise Invalid("it has values for variables, and sections; let the app give the values")
    names = dict.fromkeys(name for text in every for name in text.names)
    return [{"name": name} | ({"default": partial[name]} if name in partial else {}) for name in names]


def _message(value: Any, notes: list[str]) -> Said | Place:
    found = node(value)
    kind = found.kind.removesuffix("PromptTemplate").removesuffix("Chunk")
    if found.kind == "MessagesPlaceholder":
        name = found.kwargs.get("variable_name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Invalid("a placeholder has no name that it can have here; rename it in the source")
        return Place(name, bool(found.kwargs.get("optional")))
    if kind in {"ChatMessage", "Chat"}:
        said = role(found.kwargs.get("role"))
    elif kind in _ROLES:
        said = _ROLES[kind]
    else:
        raise Invalid(f"a message is a {visible(found.kind)}, for which there is no role here")
    require_plain(found.kwargs, notes)
    if "prompt" in found.kwargs:
        return Said(said, _content(found.kwargs["prompt"], notes))
    return Said(said, _literal(found.kwargs.get("content")))


def _content(value: Any, notes: list[str]) -> Any:
    if not isinstance(value, list):
        return _template(node(value), notes)
    return [_part(node(each), notes) for each in value]


def _part(found: Manifest, notes: list[str]) -> dict[str, Any]:
    if found.kind == "PromptTemplate":
        return {"type": "text", "text": _template(found, notes)}
    read_text = _language(found, notes)
    inner = found.kwargs.get("template")
    if found.kind == "ImagePromptTemplate" and isinstance(inner, dict):
        return {"type": "image_url", "image_url": _deep(inner, read_text)}
    if found.kind == "DictPromptTemplate" and isinstance(inner, dict):
        part: dict[str, Any] = _deep(inner, read_text)
        return part | {"type": inner.get("type")}
    raise Invalid(f"a part of a message is a {visible(found.kind)}, which has no counterpart here")


def _deep(value: Any, read_text: Callable[[str], Text]) -> Any:
    if isinstance(value, str):
        return read_text(value)
    if isinstance(value, dict):
        return {key: _deep(each, read_text) for key, each in value.items()}
    if isinstance(value, list):
        return [_deep(each, read_text) for each in value]
    return value


def _template(found: Manifest, notes: list[str]) -> Text:
    text = found.kwargs.get("template")
    if found.kind != "PromptTemplate" or not isinstance(text, str):
        raise Invalid(f"a text is a {visible(found.kind)}, which has no counterpart here")
    return _language(found, notes)(text)


def _language(found: Manifest, notes: list[str]) -> Callable[[str], Text]:
    """Return the reader of a template's language."""
    name = found.kwargs.get("template_format", "f-string")
    if not isinstance(name, str) or name not in _LANGUAGES:
        raise Invalid(
            f"its template language is {visible(str(name))[:40]}; write it as an f-string or in Mustache"
        )
    if name != "mustache":
        return _LANGUAGES[name]

    def noted(text: str) -> Text:
        read_text = languages.mustache_text(text)
        if (read_text.names or read_text.is_logic) and ESCAPED not in notes:
            notes.append(ESCAPED)
        return read_text

    return noted


def _literal(content: Any) -> Any:
    """Return the content of a message in which nothing is replaced."""
    if isinstance(content, str):
        return texts.literal(content)
    if isinstance(content, list):
        parts = [{"type": "text", "text": each} if isinstance(each, str) else each for each in content]
        if all(isinstance(each, dict) and isinstance(each.get("type"), str) for each in parts):
            return [_deep(each, texts.literal) | {"type": each["type"]} for each in parts]
    raise Invalid("the content of a message is neither a text nor a list of parts; correct it in the source")
