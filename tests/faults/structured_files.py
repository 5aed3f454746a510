"""Files with parts, histories, tools and partials, by chance; some partials ask for each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.catalog.parsing import partials
from registry.catalog.parsing.partials import FILE_SIZE

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

Json = dict[str, Any]

ROOM = 0.04  # of what is wrong, each time that there is a choice
PATHS = ("a.md", "shared/b.md", "shared/deep/c.md", "é.md")
NO_PATHS = ("../a.md", "shared/B.md", "a.prompt.yml", "/", "")
ROLES, NO_ROLES = ("system", "developer", "user", "assistant"), ("tool", "robot", "", None, 3)
NAMES, NO_NAMES = ("history", "more"), ("a", "", "no name", 3)
URLS = ("https://example.org/a.jpg", "data:image/png;base64,YQ==", "{{a}}")
NO_URLS = ("data:text/plain;base64,/w==", "", 7, None)
SCHEMAS: tuple[object, ...] = (
    {"type": "object", "properties": {}},
    {"type": "object", "properties": {"a": {"$ref": "#"}}},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    {"$ref": "https://example.org/a.json"},
)
NO_SCHEMAS: tuple[object, ...] = ({"type": 3}, [], "{}", "{", None)
CHOICES: tuple[object, ...] = ("auto", "required", "none", {"type": "function", "function": {"name": "a"}})
NO_CHOICES: tuple[object, ...] = ("sometimes", {}, {"type": "function", "function": "a"}, 1)
HISTORIES: tuple[object, ...] = (
    None,
    [],
    [{"role": "user"}],
    [{"role": "user", "content": "{{a}}"}],
    [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "a", "arguments": "{}"}}]}],
)
NO_HISTORIES = (
    "hi",
    [None],
    {"role": "user"},
    [{"role": "assistant", "tool_calls": [{"function": "a"}]}],
    [{"role": "tool", "content": [[]]}],
    [{"role": "user", "content": [{"type": "image_url"}]}] * 100,
)
ENDS: tuple[bytes | str, ...] = (
    b"x", b"\xff", b"\0", b"{{#a}}", b"{{/a}}", b"{{", b"}}", b"\xef\xbb\xbfx", b"\\", b"{{! \n",
    b"x\n" * 30_000, b"{{a}}" * 5_000, b"x" * FILE_SIZE, b"x" * (FILE_SIZE + 1),
    "is a folder; put a file there",
)  # fmt: skip


class Case(NamedTuple):
    """A prompt file, its partials, and values to render it with."""

    file: bytes
    files: partials.Files
    values: Json


def by_chance(chance: random.Random, text: Callable[[], str], values: Json) -> Case:
    """Make a file whose texts are such ones, with partials among them."""

    def asking() -> str:
        tag = f"{{{{> {_pick(chance, PATHS, NO_PATHS)}}}}}" if chance.random() < 0.3 else ""
        return chance.choice((text() + tag, f"  {tag}\n{text()}", f"{{{{#a}}}}{tag}{{{{/a}}}}"))

    file = {
        "modelParameters": {"parallelToolCalls": chance.choice((True, False, None, "x"))},
        "responseFormat": chance.choice(("text", "json_schema", "json_object")),
        "jsonSchema": _pick(chance, SCHEMAS, NO_SCHEMAS),
        "tools": [_tool(chance) for _ in range(chance.randint(0, 2))],
        "toolChoice": _pick(chance, CHOICES, NO_CHOICES),
    }
    kept = {key: value for key, value in file.items() if chance.random() < 0.3}
    kept["template"] = _pick(chance, ("mustache",), ("jinja", None))
    messages = [_message(chance, asking) for _ in range(chance.randint(1, 3))]
    kept["messages"] = [*messages, {"role": "user", "content": "x"}]
    given = values | {name: _pick(chance, HISTORIES, NO_HISTORIES) for name in NAMES}
    return Case(json.dumps(kept).encode(), {path: asking().encode() for path in PATHS}, given)


def bomb(chance: random.Random) -> Case:
    """Make partials that are a ring, too deep, too many, too large, doubling, binary, or half of a tag."""
    names = [f"{n}.md" for n in range(chance.choice((2, 8, 9, 33, 1000)))]
    after = [*names[1:], "end.md"]
    chain = {name: f"x\n  {{{{> {following}}}}}\n" for name, following in zip(names, after, strict=True)}
    doubling = {name: f"{{{{> {following}}}}}" * 9 for name, following in zip(names, after, strict=True)}
    ring = chain | {names[-1]: f"{{{{> {names[0]}}}}}"}
    wide = {"0.md": "".join(f"{{{{> {name}}}}}\n" for name in after)} | dict.fromkeys(names[1:], "x")
    asked = "{{> 0.md}}"
    content = chance.choice((asked, " " * 200 + asked, asked * 40, f"{{{{#a}}}}\n{asked}\n{{{{/a}}}}"))
    file = {"template": "mustache", "messages": [{"role": "user", "content": content}]}
    files: dict[str, bytes | str] = {
        name: text.encode() for name, text in chance.choice((chain, doubling, ring, wide)).items()
    }
    files["end.md"] = chance.choice(ENDS)
    return Case(json.dumps(file).encode(), files, {"a": "x"})


def packed(case: Case) -> bytes:
    """Return the content of a version that has the partials; what is none cannot be in one."""
    held = {path: data for path, data in case.files.items() if isinstance(data, bytes)}
    return partials.pack("x.prompt.yml", case.file, held)


def _pick(chance: random.Random, good: Sequence[Any], bad: Sequence[Any]) -> Any:
    return chance.choice(bad if chance.random() < ROOM else good)


def _message(chance: random.Random, text: Callable[[], str]) -> Json:
    role = {"role": _pick(chance, ROLES, NO_ROLES)}
    match chance.randrange(5):
        case 0:
            name, optional = _pick(chance, NAMES, NO_NAMES), _pick(chance, (True, False), ("x",))
            return {"placeholder": name, "optional": optional}
        case 1 | 2:
            size = _pick(chance, (1, 2, 3), (0,))
            return {"role": "user", "content": [_part(chance, text) for _ in range(size)]}
        case _:
            return role | {"content": text() or "x"}


def _part(chance: random.Random, text: Callable[[], str]) -> object:
    url = _pick(chance, URLS, NO_URLS)
    known = (
        {"type": "text", "text": text() or "x"},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "file", "file": {"filename": text(), "file_data": url}},
    )
    audio = {"type": "input_audio", "input_audio": {"data": text(), "format": "wav"}}
    unknown = ({"type": "x", "x": [[text()]]}, {"type": None, "text": url}, {"type": "refusal"}, audio, url)
    return _pick(chance, known, unknown)


def _tool(chance: random.Random) -> object:
    name = _pick(chance, ("a", "b"), ("find order", "", 3, "x" * 100))
    schema = _pick(chance, SCHEMAS, NO_SCHEMAS)
    function = {"name": name, "parameters": schema, "strict": chance.choice((True, None))}
    return _pick(
        chance, ({"type": "function", "function": function},), ({"type": "function"}, function, name)
    )
