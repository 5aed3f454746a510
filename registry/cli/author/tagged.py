"""The versions that are tagged in an author's repository, and their contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.parsing import bump, document
from registry.cli.author import worktree
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from promptstage.model import Document

Versions = dict[str, dict[str, str]]  # name -> version -> id of what is tagged


def versions(tags: Mapping[bytes, str]) -> Versions:
    """The versions of every prompt, among all tags and their ids."""
    found: Versions = {}
    for name, oid in tags.items():
        if tag := naming.split_tag(name):
            found.setdefault(tag.name, {})[tag.version] = oid
    return found


def read(top: Path, wanted: Sequence[tuple[str, str]]) -> list[bytes | None]:
    """The files of versions, each given by its prompt and the id of what is tagged; None if there is none."""
    places = [f"{oid}:{path}" for name, oid in wanted for path in naming.candidates(name)]
    found = iter(worktree.contents(top, places))
    return [
        next((file for file in [next(found) for _ in naming.candidates(name)] if file is not None), None)
        for name, _ in wanted
    ]


def between(old: bytes | None, new: bytes | None) -> list[bump.Reason] | None:
    """What differs between two files; None if one of them is absent or cannot be served."""
    before, after = _parse(old), _parse(new)
    return None if before is None or after is None else bump.reasons(before, after)


def _parse(content: bytes | None) -> Document | None:
    try:
        return document.parse(content, "").document if content is not None else None
    except DocumentInvalid:
        return None
