"""All clients render alike: the shared vectors, and the client for Node beside ours."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from promptstage import PromptTooLarge, VariablesMissing, limits
from promptstage.model import dump_document, parse_document
from promptstage.mustache import TemplateError
from promptstage.prompt import make_document
from promptstage.structured_rendering import make_renderer

Json = dict[str, Any]
ROWS = json.loads((Path(__file__).parents[1] / "vectors/rendering.json").read_text())
BASE = dump_document(make_document("")) | {"portable": False, "tools": [], "tool_choice": None}
NODE = shutil.which("node")
RANDOM = 3000
"""Texts, of which some half are valid: less than a second of Node and of Python each."""
TAGS = ("{{a}}", "{{b.c}}", "{{{a}}}", "{{& c }}", "{{! x }}", "{{ c }}")
TEXTS = (r"\{{", "}", "\n", "\n", "\r\n", "\t", " ", "x", "é😀", "$& '")
WRONG = ("{{", "{{{", "{{/a}}", "{{#b}}", "{{>p}}", "{{=x=}}", "{{#a b}}", "{{ a\x1c}}", "{{ }}")
VALUES: tuple[Any, ...] = (None, True, False, 0, 7, 1.5, 0.00001, "", "x", "{{a}}", "$1", [], {}, "é\n")
LARGE = limits.RENDERED_BYTES


def render(document: Json, given: Json) -> Json:
    """Render with the Python client, or return its error."""
    try:
        return {"messages": make_renderer("a", parse_document(BASE | document)).messages(given)}
    except VariablesMissing as error:
        return {"error": "VariablesMissing", "missing": list(error.names), "place": error.place}
    except (TypeError, PromptTooLarge) as error:
        return {"error": type(error).__name__}
    except (ValueError, TemplateError):
        return {"error": "Error"}


def render_in_node(cases: list[tuple[Json, Json]]) -> list[Json]:
    """Render with the client for Node, or return its errors."""
    command = [str(NODE), str(Path(__file__).with_name("node_render.mjs"))]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Json] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_a_vector(row: Json) -> None:
    """It renders to these messages, or fails with this error."""
    expected = {key: row[key] for key in ("messages", "error", "missing", "place") if key in row}

    assert render(row["document"], row["given"]) == expected


def mustache(*texts: str) -> Json:
    """A document in Mustache."""
    messages = [{"role": "user", "template": text} for text in texts]
    return {"edition": 2, "language": "mustache", "variables": [], "messages": messages}


def random_value(chance: random.Random, depth: int = 0) -> Any:
    """A value, or a list or mapping of some."""
    kind = chance.random()
    if kind < 0.5 or depth > 3:
        return chance.choice(VALUES)
    if kind < 0.75:
        return [random_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {name: random_value(chance, depth + 1) for name in "abc" if chance.random() < 0.6}


def random_case(chance: random.Random) -> tuple[Json, Json]:
    """A document, and values; sections are closed often enough."""
    pieces = [chance.choice(chance.choice((TAGS, TEXTS))) for _ in range(chance.randrange(1, 8))]
    pieces += chance.choices(WRONG, k=chance.random() < 0.1)
    for name in chance.choices(("a", "b", "b.c", "c"), k=chance.randrange(4)):
        begin, end = sorted(chance.choices(range(len(pieces) + 1), k=2))
        line = chance.choice(("", "\n"))
        sigil, item = chance.choice((("#", "{{.}}"), ("#", ""), ("^", "")))
        opened, closed = f"{line}{{{{{sigil}{name}}}}}{line}", f"{{{{/{name}}}}}"
        inside = [opened, *pieces[begin:end], item, closed]
        pieces[begin:end] = inside
    variables = [
        {"name": name, "required": chance.random() < 0.3, "default": chance.choice(VALUES), "description": ""}
        for name in ("a", "b", "b.c")
        if chance.random() < 0.3
    ]
    given = {name: random_value(chance) for name in ("a", "b", "b.c", "c") if chance.random() < 0.9}
    return mustache("".join(pieces)) | {"variables": variables}, given


BOUNDS: list[tuple[Json, Json]] = [
    (mustache("{{a}}"), {"a": "é" * (LARGE // 2)}),
    (mustache("{{#b}}{{a}}{{/b}}", "1"), {"a": "é" * (LARGE // 2), "b": True}),
    (mustache("{{a}}"), {"a": "é" * (LARGE // 2) + "1"}),
    (mustache("{{a}}"), {"a": "😀" * (LARGE // 4)}),
    (mustache("{{a}}" * 100), {"a": "x" * LARGE}),
    (mustache("{{a}}"), {"a": ["x" * (LARGE - 4)]}),
    (mustache("{{a}}"), {"a": ["x" * (LARGE - 3)]}),
    (mustache("{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}"), {"a": [1] * 10_000}),
    (mustache("{{#a}}{{/a}}"), {"a": [1] * 99_998}),
    (mustache("{{#a}}{{/a}}"), {"a": [1] * 99_999}),
    (mustache("{{#a}}{{b}}{{/a}}"), {"a": [1] * 16_666, "b": [1]}),
    (mustache("{{#a}}{{b}}{{/a}}"), {"a": [1] * 16_667, "b": [1]}),
]
"""At the bounds, and one beyond."""


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_node_renders_as_python_does() -> None:
    """Random texts and values, to the byte; what is no Mustache is refused by both."""
    chance = random.Random(17)
    cases = [random_case(chance) for _ in range(RANDOM)]
    expected = [render(*case) for case in cases]

    for case, ours, found in zip(cases, expected, render_in_node(cases), strict=True):
        assert found == ours, case
    rendered = sum("messages" in result for result in expected)
    missed = sum(bool(result.get("place")) for result in expected)
    assert rendered > RANDOM / 3
    assert missed > RANDOM / 100


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_node_has_the_bounds_of_python() -> None:
    """To the byte, and to the tag."""
    found = render_in_node(BOUNDS)

    assert found == [render(*case) for case in BOUNDS]
    assert sum("error" in result for result in found) == 6
