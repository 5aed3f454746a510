"""Read Prompty files (``.prompty``) of Microsoft, of both editions. Pure.

The first edition has `model.configuration` and `sample`; the second `model.connection` and typed inputs.
References such as ``${env:KEY}`` and ``${file:x}`` are never followed: what has one is left out, by name.
A file has no versions of its own, so its number is a digest of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.errors import Invalid
from registry.importers import chat_lines, languages, messages, names, prompty_head, sources
from registry.importers.imported import Imported
from registry.importers.messages import Place, Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry.importers.imported import Files, Read
    from registry.importers.texts import Text

ENDING = ".prompty"
_IMAGE = re.compile(r"!\[[^\]]*\]\(")
_THREAD = "![thread]"


def read(files: Files) -> Read:
    """Yield the one version of each file."""
    return sources.one_by_one(files, _version)


def _version(path: str, content: bytes) -> Imported:
    head, body = sources.front_matter(content)
    is_first = prompty_head.is_first_edition(head)
    read = prompty_head.read(head, is_first=is_first)
    said = list(_messages(body.lstrip(), read.threads, is_first=is_first))
    if not any(isinstance(each, Place) for each in said):  # what no message names comes at the end
        said += [Place(name, is_optional=True) for name in read.threads]
    used = list(dict.fromkeys(name for each in said if isinstance(each, Said) for name in each.content.names))
    document = read.document | messages.document(said)
    if variables := _variables(read.variables, used):
        document["variables"] = variables
    tail = {"testData": [dict(read.sample)]} if read.sample else {}
    return Imported(
        names.of(path.removesuffix(ENDING)),
        sources.number_of(content),
        document | tail,
        source=path,
        author=read.author,
        left_out=read.left_out,
    )


def _variables(declared: Sequence[Mapping[str, Any]], used: Sequence[str]) -> list[dict[str, Any]]:
    """Return the variables, if any is declared; one that no message names cannot be required."""
    about = {each["name"]: each for each in declared}
    names = dict.fromkeys((*used, *about)) if about else ()
    found = [{"name": name, "required": True, **about.get(name, {})} for name in names]
    return [{**each, "required": each["required"] and each["name"] in used} for each in found]


def _messages(body: str, threads: Sequence[str], *, is_first: bool) -> Iterator[Said | Place]:
    for part in chat_lines.split(body):
        for piece in _pieces(part, threads, is_first=is_first):
            if isinstance(piece, str):
                yield Place(piece, is_optional=True)
            else:
                text = _trimmed(languages.jinja(piece.text), " \t\n" if is_first else "\n")
                yield Said(messages.role(piece.role), text)


def _trimmed(text: Text, characters: str) -> Text:
    """Return a text without these characters around it, as there may be comments between."""
    first, *rest = text.literals
    *before, last = (first.lstrip(characters), *rest)
    return text._replace(literals=(*before, last.rstrip(characters)))


def _pieces(
    part: chat_lines.Part, threads: Sequence[str], *, is_first: bool
) -> Iterator[chat_lines.Part | str]:
    """Split the lines of a role where a conversation is put in; yield its name there."""
    if is_first:
        if _THREAD in part.text or _IMAGE.search(part.text):
            raise Invalid("it puts in images or a thread by ![...]; give them to the model in the app")
        yield from (part,) if part.text.strip() else ()
        return
    mark = _thread_mark(threads)
    found = mark.search(part.text) if mark else None
    if found is None:
        yield part
        return
    before, after = part.text[: found.start()].strip(), part.text[found.end() :].strip()
    if mark and mark.search(after):
        raise Invalid("it puts in a thread twice in one message; write a message for each")
    yield from (part._replace(text=before),) if before else ()
    yield found["name"]
    yield from (part._replace(text=after),) if after else ()


def _thread_mark(threads: Sequence[str]) -> re.Pattern[str] | None:
    if not threads:
        return None
    return re.compile(r"\{\{\s*(?P<name>" + "|".join(map(re.escape, threads)) + r")\s*\}\}")
