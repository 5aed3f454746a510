"""The prompt files of a folder, found as a commit's tree would be read, and what is wrong with them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from registry.catalog import document, naming
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something to say about a file; `line` and `column` count from 1."""

    path: str
    line: int
    column: int
    severity: Literal["error", "warning"]
    code: str
    message: str


def roots_of(folder: Path) -> list[Path]:
    """Where the prompts of a repository are."""
    if (folder / naming.FOLDER).is_dir():
        return [folder / naming.FOLDER]
    return [path for path in (folder, folder / naming.GITHUB_FOLDER) if path.is_dir()]


def find(root: Path) -> list[Path]:
    """Every prompt file below a folder, in the order of their paths; hidden folders hold none."""
    found: list[Path] = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [Path(folder, name) for name in names if name.endswith(naming.SUFFIXES)]
    return sorted(found)


def look(root: Path, files: Iterable[Path]) -> Iterator[Problem]:
    """Say everything that there is to say about these files below `root`."""
    seen: dict[str, Path] = {}
    for file in files:
        yield from _about_name(root, file, seen)
        yield from _about_file(file)


def about(path: str, content: bytes) -> Iterator[Problem]:
    """Say everything that there is to say about the content of a prompt file."""
    for found in document.check(content, path):
        yield Problem(path, found.line, found.column, found.severity, found.code, found.message)


def _about_name(root: Path, file: Path, seen: dict[str, Path]) -> Iterator[Problem]:
    path = file.relative_to(root).as_posix()
    name = naming.stem(path)
    twin = seen.setdefault(name, file)
    if twin is not file:
        yield _error(file, "two_files", f"{twin.name} is the same prompt; remove one of the two")
    try:
        naming.require_name(name)
    except Invalid as error:
        yield _error(file, error.code, f"{error.message}; rename the file")


def _about_file(file: Path) -> Iterator[Problem]:
    if file.is_symlink() or not file.is_file():
        yield _error(file, "no_file", "git has no content of this; put a regular file here")
        return
    try:
        content = file.read_bytes()
    except OSError as error:
        yield _error(file, "unreadable", f"it cannot be read: {error.strerror}; allow it")
    else:
        yield from about(str(file), content)


def _error(file: Path, code: str, message: str) -> Problem:
    return Problem(str(file), 1, 1, "error", code, message)
