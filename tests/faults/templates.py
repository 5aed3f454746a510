"""Templates and values by chance, and some made to do harm: each is rendered or refused, at once."""

from __future__ import annotations

import json
import random
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from faults import structured_files
from faults.hostile_input import put
from requests_in import served

from promptstage.errors import PromptTooLarge, PromptUnsupported, VariablesMissing
from promptstage.model import dump_document, parse_document
from promptstage.mustache_rendering import MustacheRenderer
from promptstage.structured_rendering import make_renderer
from registry.catalog.parsing import document
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults.scenario import Result

SEED = 20261129
NAMES = ("a", "b", "c", "a.b", "b.c.a", ".")
PIECES = (
    "{{", "}}", "{{{", "}}}", "\\{{", "\\", "{{!", "{{! b }}", "{{>a}}", "{{=| |=}}", "{{}}", "{{ }}",
    "{{a b}}", "\n", "\r\n", "  ", "\t", "\n  ", "text", "é", "\U0001f600", "{", "}",
    '{"a": {{a}}}', "\u2028", "#", "^", "/",
)  # fmt: skip
GOOD = """\
{{! what it is about }}
Answer {{question}} as {{{role}}}, in {{&user.language}}:
{{#contexts}}
  - {{title}}: {{text}}{{^last}},{{/last}}
  {{#sources}}[{{.}}] {{/sources}}
{{/contexts}}
{{^contexts}}
Say that you do not know \\{{it}}.
{{/contexts}}
"""
LEAVES = ("", "x", "{{a}}", "{{#a}}", "é" * 1000, 0, 1, -1.5, True, False, None)
MANY = [1] * 10_000


def prove(*, full: bool) -> Iterator[Result]:
    """Put templates together, spoil a good one, and nest sections of long lists."""
    chance = random.Random(SEED)
    kinds: tuple[tuple[str, Callable[[random.Random], tuple[str, Any]], int], ...] = (
        ("sections in each other, by chance", _sections, 40_000),
        ("a template of pieces", _pieces, 22_000),
        ("a good template, spoiled", _spoiled, 16_000),
        ("long lists in nested sections, and long tags", _bomb, 2_000),
    )
    cases = ((what, partial(_case, make), count) for what, make, count in kinds)
    refusals = (DocumentInvalid, VariablesMissing, PromptTooLarge)
    yield from put(_render, cases, chance, refusals, full=full)
    structured = (
        ("parts, histories, tools and partials, by chance", _structured, 18_000),
        ("partials in a ring, deep, binary, or doubling", structured_files.bomb, 2_000),
    )
    yield from put(_send, structured, chance, (*refusals, PromptUnsupported, _NoMessages), full=full)


def _case(make: Callable[[random.Random], tuple[str, Any]], chance: random.Random) -> tuple[bytes, Any]:
    """Put a template into a file, beside its values."""
    text, values = make(chance)
    file = {"template": "mustache", "messages": [{"role": "user", "content": text}]}
    return json.dumps(file).encode(), values


def _render(case: tuple[bytes, dict[str, Any]]) -> None:
    """Take a file the way to an app's messages."""
    file, values = case
    parsed = document.parse(file, "prompts/x.prompt.yml").document
    sent = json.dumps(dump_document(parsed))
    renderer = make_renderer("x", parse_document(json.loads(sent)))
    messages = renderer.messages(values)
    assert isinstance(renderer, MustacheRenderer)
    assert not renderer._safe or messages == renderer._slowly(values), "the quick way gave something else"


class _NoMessages(Exception):
    """What is given for a placeholder is refused; any other TypeError is a crash."""


def _structured(chance: random.Random) -> structured_files.Case:
    return structured_files.by_chance(chance, lambda: _sections(chance)[0], _mapping(chance, 0))


def _send(case: structured_files.Case) -> None:
    """Take a version with its partials the way to the requests of models."""
    prompt = served(structured_files.packed(case))
    try:
        prompt.openai(case.values)
        prompt.anthropic(case.values)
    except TypeError as error:
        if re.match(r"(history|more|a)(\[\d+\])? of x is ", str(error)):
            raise _NoMessages(*error.args) from error
        raise


def _sections(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A template that is nearly always valid, and values for many of its names."""

    def text(depth: int) -> str:
        return "".join(piece(depth) for _ in range(chance.randint(0, 4)))

    def piece(depth: int) -> str:
        name = chance.choice(NAMES[:-1] if depth == 0 else NAMES)
        if depth < 5 and chance.random() < 0.4:
            return f"{{{{{chance.choice('#^')}{name}}}}}{text(depth + 1)}{{{{/{name}}}}}"
        return chance.choice((f"{{{{{name}}}}}", "\n", "  ", "text", "\\{{"))

    return text(0), _mapping(chance, 0)


def _mapping(chance: random.Random, depth: int) -> dict[str, Any]:
    return {name: _value(chance, depth) for name in NAMES if chance.random() < 0.8}


def _value(chance: random.Random, depth: int) -> Any:
    match chance.randrange(4) if depth < 4 else 0:
        case 1:
            return [_value(chance, depth + 1) for _ in range(chance.randrange(4))]
        case 2:
            return _mapping(chance, depth + 1)
        case _:
            return chance.choice(LEAVES)


def _pieces(chance: random.Random) -> tuple[str, dict[str, Any]]:
    tags = [f"{{{{{sigil}{name}}}}}" for sigil in ("", "#", "^", "/", "&") for name in NAMES]
    pieces = chance.choices((*PIECES, *tags), k=chance.randint(1, 12))
    return "".join(pieces), _mapping(chance, 0)


def _spoiled(chance: random.Random) -> tuple[str, dict[str, Any]]:
    text = GOOD
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text))
        inserted = chance.choice((*PIECES, text[chance.randrange(len(text)) :][: chance.randint(1, 40)], ""))
        text = text[:at] + inserted + text[at + chance.choice((0, 0, 1, 10)) :]
    contexts = [{"title": "T", "text": _value(chance, 3), "last": n == 2, "sources": [n]} for n in range(3)]
    return text, {
        "question": "Why?",
        "role": _value(chance, 2),
        "user": {"language": "en"},
        "contexts": contexts,
    }


def _bomb(chance: random.Random) -> tuple[str, dict[str, Any]]:
    deep, wide = chance.randint(1, 40), chance.choice((10, 100, 1000))
    inner = chance.choice(
        ("", "x", "{{.}}", "{{a}}", "{{b}}" * 100, "{{#b}}{{/b}}" * 100, "{{^a}}{{/a}}" * 100)
    )
    texts = (
        "{{#a}}" * deep + inner + "{{/a}}" * deep,
        "{{#a}}" * wide + inner,
        ("{{#a}}" + inner + "{{/a}}") * min(wide, 100),
        "{{" + " " * wide * 10 + "a" * wide,
        "{{a}}\n" * wide + "\\{{" * wide,
        "{{! " + "x\n" * wide + "}}" * wide,
        "".join(f"{{{{a{n}.b}}}}" for n in range(wide)),
    )
    values: tuple[Any, ...] = (
        MANY,
        [MANY] * 3,
        [{"a": MANY}],
        {"a": {"a": MANY}},
        "x" * (1 << 20),
        [[[]]] * 1000,
        True,
    )
    return chance.choice(texts), {"a": chance.choice(values), "b": ""}
