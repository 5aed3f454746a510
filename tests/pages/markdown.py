"""Read the pages of the documentation: their code blocks, their headings, and their links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDERS = (
    ".",
    ".github",
    "client",
    "demo",
    "deploy",
    "docs",
    "docs/decisions",
    "docs/integrations",
    "prompts",
)
PAGES = tuple(sorted(file.relative_to(ROOT) for folder in FOLDERS for file in (ROOT / folder).glob("*.md")))

_FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One block of code: its page, its line there, the language that it names, and its text."""

    page: str
    line: int
    language: str
    text: str


def read(page: str | Path) -> str:
    """The text of a page, by its path in the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str | Path, language: str | None = None, *, under: str | None = None) -> list[Block]:
    """The blocks of a page in their order: all, or those in one language, or under one heading."""
    text = read(page)
    found = (
        (Block(str(page), text[: fence.start()].count("\n") + 1, fence[2], fence[3]), fence.start())
        for fence in _FENCE.finditer(text)
    )
    return [
        block
        for block, start in found
        if language in {None, block.language} and under in {None, _heading_at(text, start)}
    ]


def _heading_at(text: str, position: int) -> str:
    """The heading that a place of a page is under; comments in code before it look like one, too."""
    before = _FENCE.sub("", text[:position])
    return _HEADING.findall(before)[-1] if _HEADING.search(before) else ""


def prose(page: str | Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", read(page))


def anchors(page: str | Path) -> set[str]:
    """What a link to a heading of the page says after its ``#``, as code hosts make it."""
    seen: dict[str, int] = {}
    found = set()
    for heading in _HEADING.findall(prose(page)):
        anchor = re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()).replace(
            " ", "-"
        )
        count = seen[anchor] = seen.get(anchor, -1) + 1
        found.add(f"{anchor}-{count}" if count else anchor)
    return found


def links(page: str | Path) -> Iterator[str]:
    """The targets of the page's links and pictures that lead to another place in the repository."""
    for target in _LINK.findall(re.sub(r"`[^`\n]*`", "`", prose(page))):
        if not re.match(r"[a-z]+:", target):
            yield target
