"""Read the partials that prompt files ask for: from the worktree, and from a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.catalog.parsing import document, partials
from registry.cli.author import worktree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from registry.catalog.parsing.partials import Files


def in_folder(root: Path, content: bytes) -> Files:
    """Read the partials of a prompt file from a prompts folder of the worktree."""
    return _gather(content, lambda paths: {path: file_in_folder(root, path) for path in paths})


def in_commit(top: Path, commit: str, place: str, content: bytes) -> Files:
    """Read the partials of a prompt file from the prompts folder of a commit, whose path ends in a slash."""

    def read(paths: Iterable[str]) -> Files:
        return files_in_commit(top, commit, place, paths)

    return _gather(content, read)


def files_in_commit(top: Path, commit: str, place: str, paths: Iterable[str]) -> Files:
    """Read files of the prompts folder of a commit, or say why they cannot be read."""
    kinds = {path: worktree.kind(top, commit, place + path) for path in paths}
    files = [path for path, kind in kinds.items() if kind == worktree.A_FILE]
    contents = worktree.contents(top, [f"{commit}:{place}{path}" for path in files])
    held = dict(zip(files, contents, strict=True))
    return {path: _held(held.get(path), kind) for path, kind in kinds.items()}


def _held(content: bytes | None, kind: str) -> bytes | str:
    if content is not None:
        return content
    return (
        f"is {kind}; put a file there"
        if kind
        else "is not in the commit; git add the file, and git commit it"
    )


def _gather(content: bytes, read: Callable[[Iterable[str]], Files]) -> Files:
    """Read what is asked for until nothing more is."""
    files: dict[str, bytes | str] = {}
    while missing := document.wanted(content, files):
        files |= read(missing)
    return files


def file_in_folder(root: Path, path: str, limit: int = partials.FILE_SIZE) -> bytes | str:
    """Read a file of a prompts folder, of more than `limit` bytes one more; or say why it cannot be read."""
    place = root
    for part in path.split("/"):
        names = {entry.name for entry in place.iterdir()} if place.is_dir() else set()
        if part not in names:  # where capitals make no difference, a file would be found all the same
            near = next((name for name in names if name.lower() == part.lower()), None)
            return "is not there; " + (
                f"did you mean {near}?" if near else "write the file, or correct the path"
            )
        place /= part
        if place.is_symlink():
            return "is a symbolic link; put a file there"
    if not place.is_file():
        return "is a folder; put a file there"
    try:
        with place.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}; make it a file that you may read"
