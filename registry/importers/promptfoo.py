"""Read configurations of promptfoo: prompts, the model that is asked, and tests as cases. Pure.

Texts are read as Nunjucks, of which plain variables are carried over; a list of messages may be JSON or YAML.
A configuration has no versions of its own, so the number of its prompts is a digest of all its files.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Invalid
from registry.importers import (
    languages,
    messages,
    names,
    promptfoo_files,
    promptfoo_provider,
    promptfoo_tests,
    sources,
)
from registry.importers.imported import Imported, Refused
from registry.importers.messages import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.importers.imported import Files, Read

ENDINGS = promptfoo_files.CONFIGS
wanted = promptfoo_files.wanted
_READ = frozenset((
    "$schema", "defaultTest", "description", "evaluateOptions", "metadata", "outputPath", "prompts",
    "providers", "sharing", "tags", "targets", "tests", "writeLatestResults",
))  # fmt: skip
_IN_TEXT_FILES = "---"  # between the prompts of one .txt


class _Prompt(NamedTuple):
    """One prompt of a configuration.

    Attributes:
        label: how tests name it.
        text: as it is written.
        options: of the model, for this prompt.
    """

    label: str
    text: str
    options: Mapping[str, Any]


def read(files: Files) -> Read:
    """Yield the one version of each prompt of each configuration."""
    for path in promptfoo_files.configs(files):
        try:
            config = promptfoo_files.load(files, path)
            found = list(_prompts(config.get("prompts"), files, path))
        except Invalid as error:
            yield Refused(path, None, error.message)
            continue
        if not found:
            yield Refused(path, None, "it has no prompts")
        for each in found:
            yield each if isinstance(each, Refused) else _version(path, config, each, files)


def _version(path: str, config: Mapping[str, Any], prompt: _Prompt, files: Files) -> Imported | Refused:
    left_out: list[str] = [f"the key {key}" for key in config if key not in _READ]
    try:
        said = list(_messages(prompt.text))
        provider = promptfoo_provider.read(
            config.get("providers", config.get("targets")), prompt.options, left_out
        )
        document = provider | messages.document(said)
        tests = promptfoo_tests.read(
            config, prompt.label, document, promptfoo_files.Around(files, path), left_out
        )
        about = {"description": config["description"]} if isinstance(config.get("description"), str) else {}
        return Imported(
            names.of(prompt.label),
            sources.number_of(b"\0".join(files[each] for each in sorted(files))),
            about | document | tests.keys,
            cases=tests.cases,
            source=f"{path} {prompt.label}",
            left_out=tuple(dict.fromkeys(left_out)),
        )
    except Invalid as error:
        return Refused(f"{path} {prompt.label}", None, error.message)


def _prompts(given: Any, files: Files, path: str) -> Iterator[_Prompt | Refused]:
    """Yield the prompts that a configuration names, or has in it."""
    if isinstance(given, dict):
        given = [{"id": key, "label": label} for key, label in given.items()]
    entries = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    for number, entry in enumerate(entries, 1):
        fields = entry if isinstance(entry, dict) else {"raw": entry}
        text = fields.get("raw", fields.get("id"))
        label = fields.get("label") or fields.get("display")
        if not isinstance(text, str):
            yield Refused(f"{path} prompt {number}", None, "it is no text; write it, or name its file")
            continue
        try:
            known = label if isinstance(label, str) else ""
            yield from _of(text, known, fields.get("config"), promptfoo_files.Around(files, path), number)
        except Invalid as error:
            yield Refused(f"{path} {known or text.strip()[:60]}", None, error.message)


def _of(
    text: str, label: str, options: Any, around: promptfoo_files.Around, number: int
) -> Iterator[_Prompt]:
    """Yield the prompts of an entry: a text or a file, which may hold several."""
    given = sources.mapping(options, "the config of a prompt")
    if not promptfoo_files.is_path(text):
        yield _Prompt(label or f"prompt-{number}", text, given)
        return
    name, content = around.file(text)
    label = label or str(PurePosixPath(name).with_suffix(""))
    texts = _parts(content) if name.endswith(".txt") else [content]
    for index, each in enumerate(texts, 1):
        yield _Prompt(label if len(texts) == 1 else f"{label}-{index}", each, given)


def _parts(content: str) -> list[str]:
    parts: list[list[str]] = [[]]
    for line in content.split("\n"):
        if line.strip() == _IN_TEXT_FILES:
            parts.append([])
        else:
            parts[-1].append(line)
    return [text for text in ("\n".join(lines).strip() for lines in parts) if text]


def _messages(text: str) -> Iterator[Said]:
    """Yield the messages of a text: a list in JSON or YAML, else one of the user."""
    trimmed = text.strip()
    listed: Any = None
    if trimmed.startswith("["):
        listed = sources.json_value(text.encode("utf-8", "surrogatepass"))
    elif trimmed.startswith("- role:"):
        listed = sources.yaml(text)
    if listed is None:
        yield Said("user", languages.jinja(text, keeps_end=True))
        return
    for each in listed:
        if not isinstance(each, dict) or set(each) != {"role", "content"}:
            raise Invalid("a message has other keys than role and content")
        yield Said(messages.role(each["role"]), _content(each["content"]))


def _content(value: Any) -> Any:
    if isinstance(value, str):
        return languages.jinja(value, keeps_end=True)
    if isinstance(value, list):
        return [_content(each) for each in value]
    return {key: _content(each) for key, each in value.items()} if isinstance(value, dict) else value
