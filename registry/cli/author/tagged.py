"""The versions that are tagged in an author's repository, and their contents."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.parsing import bump, document
from registry.cli.author import worktree
from registry.errors import DocumentInvalid, Invalid

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


NAMED = 3  # prompts that an error suggests


def at_head(top: Path, name: str) -> tuple[str, bytes]:
    """Find the prompt's file in HEAD: path and bytes. Raises Invalid, if the worktree differs from it."""
    bases = (
        [f"{naming.FOLDER}/"] if worktree.is_folder(top, naming.FOLDER) else ["", f"{naming.GITHUB_FOLDER}/"]
    )
    places = [[base + path for path in naming.file_names(name)] for base in bases]
    found = ((paths, _held(top, paths)) for paths in places)
    paths, held = next(((paths, held) for paths, held in found if held), (naming.candidates(name), {}))
    if worktree.is_changed(top, *paths):
        raise Invalid(
            f"the file of {name} differs from what HEAD holds; git add it and git commit it first, "
            "then tag it"
        )
    if not held:
        raise Invalid(_absent(top, name, [path for path, _ in places]))
    if len(held) > 1:
        raise Invalid(f"{' and '.join(held)} are both in HEAD; git rm one of them, and git commit that first")
    ((path, content),) = held.items()
    if worktree.is_link(top, path):
        raise Invalid(
            f"{path} is a symbolic link in HEAD, which the registry does not follow; put the prompt's own "
            "file there, and git commit that first"
        )
    return path, content


def _held(top: Path, paths: list[str]) -> dict[str, bytes]:
    return {path: content for path in paths if (content := worktree.content(top, path)) is not None}


def _absent(top: Path, name: str, places: list[str]) -> str:
    return f"there is no {' or '.join(places)} in HEAD; {_remedy(top, name, places)}"


def _remedy(top: Path, name: str, places: list[str]) -> str:
    """What to do: the file may be hidden from git, or in capitals, or the name mistyped."""
    if ignored := next((place for place in places if (top / place).exists()), None):
        return f"git ignores it: git add --force {ignored}, and git commit that first"
    held = worktree.paths(top)
    if other := next((path for path in held if path.lower() in places), None):
        return f"rename the one that is there: git mv {other} {other.lower()}, and git commit that first"
    near = get_close_matches(name, filter(None, map(naming.prompt_at, held)), NAMED)
    return f"did you mean {' or '.join(near)}?" if near else "write it, git add and git commit that first"
