"""The versions that the tags of a worktree make: which there are, and what was in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.catalog import bump, document, naming
from registry.cli import worktree
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from promptstage.model import Document

Versions = dict[str, dict[str, str]]  # name -> version -> id of what is tagged


def versions(top: Path) -> Versions:
    """The versions of every prompt."""
    found: Versions = {}
    for name, oid in worktree.tags(top).items():
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


def too_small(top: Path, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Find prompts whose newest release should have been a greater one; each with what is to be said."""
    known = versions(top)
    pairs = {name: naming.releases(known[name])[:2] for name in names if name in known}
    pairs = {name: pair for name, pair in pairs.items() if len(pair) > 1}
    files = read(top, [(name, known[name][version]) for name, pair in pairs.items() for version in pair])
    for i, (name, (new, old)) in enumerate(pairs.items()):
        differences = between(files[2 * i + 1], files[2 * i])
        part = bump.needed(differences or (), old)
        if differences and not bump.is_enough(old, new, part):
            better = naming.bump(new, part)
            wrong = f"{new} {differences[0].words} (compared with {old}), so it should be {better}"
            yield name, f"{wrong}; tag it once more: promptstage tag {name} --version {better}"


def between(old: bytes | None, new: bytes | None) -> list[bump.Reason] | None:
    """What differs between two files; None if one of them is absent or cannot be served."""
    before, after = _parse(old), _parse(new)
    return None if before is None or after is None else bump.reasons(before, after)


def _parse(content: bytes | None) -> Document | None:
    try:
        return document.parse(content, "").document if content is not None else None
    except DocumentInvalid:
        return None
