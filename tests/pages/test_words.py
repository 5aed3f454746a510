"""The glossary is the language of the project: words that it replaced are nowhere any more."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages.markdown import ROOT, read

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCT = ("registry/", "client/promptstage/")
MODULES = {
    "acting", "attempts", "begin", "blocks", "board", "census", "chain", "commit", "eager", "faults",
    "findings", "folder", "fresh", "great", "holding", "ignored", "impatient", "keeping", "kept",
    "mapping", "oddities", "parts", "prepare", "reading", "remedies", "salvage", "secrets", "shared",
    "similar", "starter", "strangers", "table", "taglint", "tally", "unparsable", "upkeep", "upstream",
    "view", "wanting", "when",
}  # fmt: skip
"""What modules and packages of the product were called."""
NAMES = {
    "About", "Ask", "Asker", "Board", "Built", "Census", "Impatient", "Kept", "Parts", "Proceed", "Tally",
    "Unsettled", "View", "Wish", "asker", "carry_out", "hear", "retract", "salvage", "wish",
}  # fmt: skip
"""What classes, functions and parameters of the product were called."""
WORDS = re.compile(r"\b(?:asker|census|impatient|salvaged?|upkeep|wishes)\b|\bthe board\b", re.IGNORECASE)
"""What is not written in text either: pages, docstrings, comments, messages."""


@cache
def tracked(*patterns: str) -> tuple[Path, ...]:
    """The files of the repository that fit."""
    found = subprocess.check_output(["git", "ls-files", *patterns], cwd=ROOT, text=True)
    return tuple(Path(line) for line in found.splitlines() if (ROOT / line).is_file())


def names(tree: ast.AST) -> Iterator[str]:
    """What a module defines, takes, and calls."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield name


def test_no_module_has_an_old_name() -> None:
    """In the product, where each name says what is in it."""
    product = [file for file in tracked("*.py") if str(file).startswith(PRODUCT)]

    assert [str(file) for file in product if MODULES & {*file.parts[:-1], file.stem}] == []


@pytest.mark.parametrize("folder", PRODUCT)
def test_nothing_has_an_old_name(folder: str) -> None:
    """No class, function, parameter or variable."""
    found = {
        f"{file}: {name}"
        for file in tracked(f"{folder}*.py")
        for name in set(names(ast.parse(read(file)))) & NAMES
    }

    assert found == set()


def test_no_text_has_an_old_word() -> None:
    """Pages, docstrings, comments, and what is said to people."""
    found = [
        f"{file}:{number}: {line.strip()}"
        for file in tracked("*.py", "*.md", "*.toml", "*.yml", "*.service", "Makefile")
        if file != Path(__file__).relative_to(ROOT)
        for number, line in enumerate(read(file).splitlines(), 1)
        if WORDS.search(line)
    ]

    assert found == []


def test_the_glossary_has_each_word_once() -> None:
    """And each has its meaning beside it."""
    rows = re.findall(r"^\| (?!word |---)([^|]+) \| ([^|]*) \|$", read("docs/glossary.md"), re.MULTILINE)
    words = [word for row, _ in rows for word in row.split(", ")]

    assert len(words) == len(set(words))
    assert len(words) > 40
    assert all(meaning.endswith(".") for _, meaning in rows)
