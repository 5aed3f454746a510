"""Prompt files that somebody made to do harm: each is read or refused, at once."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

from faults.hostile_input import put

from registry.catalog.parsing import document
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults.scenario import Result

    from registry.catalog.parsing.partials import Files

SEED = 20261123
GOOD = b"""\
name: Summarize
description: A thread in three sentences
model: openai/gpt-5-mini
modelParameters: {temperature: 0.2, maxTokens: 300, stop: ["a", "b"]}
variables:
  - {name: text, required: true}
  - {name: tone, required: false, default: neutral}
messages:
  - role: system
    content: You summarize. Tone {{tone}}, never \\{{tone}}.
  - role: user
    content: "{{ text }}"
metadata: {owner: support}
"""
SECOND = b"""\
template: mustache
variables: {text: {type: list}, photo: a URL, tone: {default: neutral}}
tools:
  - type: function
    function:
      name: find_order
      parameters: {type: object, properties: {number: {type: integer}}, required: [number]}
      strict: true
toolChoice: {type: function, function: {name: find_order}}
responseFormat: json_schema
jsonSchema: '{"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}}'
messages:
  - {role: system, content: "{{> style.md}}\\n{{#text}}{{> ring.md}}{{.}}{{/text}}"}
  - {placeholder: history, optional: true}
  - role: user
    content:
      - {type: text, text: "{{tone}}{{> half.md}}"}
      - {type: image_url, image_url: {url: "{{photo}}"}}
"""
FILES: Files = {
    "style.md": b"Be brief. {{tone}}",
    "ring.md": b"{{^text}}{{> style.md}}{{/text}}",
    "half.md": b"{",
    "bin.md": b"\xff",
}
PIECES = (
    b"{{> ring.md}}", b"{{> half.md}}{", b"{{> bin.md}}", b"{{> none.md}}", b"placeholder: text\n",
    b"x.prompt.yml\x001\0a",
    b"&a ", b"*a", b"<<: *a", b"!!python/object:os.system ", b"!!binary ", b"{{", b"}}", b"\\{{",
    b"{{{{x}}}}", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\t", b"\r",
    b"\xe2\x80\xae", b"\xc2\x85", b"---\n", b"...\n", b"%YAML 9.9\n", b"? ", b": ", b"- ", b"[",
    b"]", b"{", b"}", b"|\n", b">-\n", b"'", b'"', b"#", b"name: twice\n", b"messages: []\n",
    b"9" * 5000, b"0x" + b"f" * 200, b"1e999", b".nan", b"-.inf", b"1:30", b"no", b"2024-01-01",
)  # fmt: skip


def prove(*, full: bool) -> Iterator[Result]:
    """Mutate a good file, build bombs, and throw bytes."""
    chance = random.Random(SEED)
    kinds: tuple[tuple[str, Callable[[random.Random], bytes], int], ...] = (
        ("a good file, spoiled", partial(_spoiled, GOOD), 40_000),
        ("a good file with parts, tools and partials, spoiled", partial(_spoiled, SECOND), 30_000),
        ("a file of pieces", _pieces, 20_000),
        ("bytes at random", _noise, 9_000),
        ("bombs of depth, width and aliases", _bomb, 1_000),
    )
    yield from put(_parse, kinds, chance, (DocumentInvalid,), full=full)


def _parse(content: bytes) -> None:
    document.parse(content, "prompts/x.prompt.yml", FILES)


def _spoiled(good: bytes, chance: random.Random) -> bytes:
    content = bytearray(good)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content))
        match chance.randrange(4):
            case 0:
                content[at : at + chance.randint(1, 20)] = b""
            case 1:
                content[at:at] = chance.choice(PIECES)
            case 2:
                content[at] = chance.randrange(256)
            case _:
                content[at:at] = content[chance.randrange(len(content)) :][: chance.randint(1, 80)]
    return bytes(content)


def _pieces(chance: random.Random) -> bytes:
    lines = (GOOD + SECOND).splitlines(keepends=True)
    return b"".join(chance.choice((*PIECES, *lines)) for _ in range(chance.randint(1, 30)))


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(0, 2000))


def _bomb(chance: random.Random) -> bytes:
    size = chance.choice((100, 1000, 10_000, 100_000))
    opening, closing = chance.choice(((b"[", b"]"), (b"{a: ", b"}"), (b"- ", b""), (b"? ", b"")))
    doubling = b"".join(
        b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9) if i else b"x") for i in range(20)
    )
    return chance.choice(
        (
            opening * size + closing * size,
            doubling,
            b"messages:\n" + b"  - {role: user, content: x}\n" * min(size, 8000),
            b"x: " + b"1" * size,
            b"".join(b"k%d: v\n" % i for i in range(min(size, 20_000))),
            b"messages:\n  - role: user\n    content: '" + b"{{" * size + b"'\n",
            b"messages:\n  - role: user\n    content: '" + b"{{a}}" * min(size, 40_000) + b"'\n",
        )
    )[: 1 << 20]
