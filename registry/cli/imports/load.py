"""Read the files of a source: one file, or those in a folder that a format reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from registry.catalog.parsing.partials import wrong_path
from registry.errors import Invalid, NotFound
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.importers.imported import Files

FILE_LIMIT = 64 << 20  # bytes; a dump of 100,000 versions of prompts of 500 bytes
FILES_LIMIT = 20_000
TOTAL_LIMIT = 256 << 20  # bytes of all files, which are in memory at once

Wanted = "Callable[[Files], Sequence[str]]"


def load(source: str, endings: tuple[str, ...], wanted: Callable[[Files], Sequence[str]]) -> Files:
    """Read a file, or the files below a folder whose names end so, and those that they ask for.

    No symbolic link is followed, and nothing outside of the source's folder is read.

    Args:
        source: the path.
        endings: of names; those of hidden files and folders are left out.
        wanted: the paths of files that these name, from the source's folder.

    Raises:
        NotFound: there is no such file.
        Invalid: it is too large, or there is none that the format reads.
    """
    place = Path(source)
    if place.is_dir():
        paths = sorted(_below(place, endings))
        if not paths:
            raise Invalid(
                f"{clean(source)} has no file whose name ends in {' or '.join(endings)}; name another"
            )
        return _with_wanted(place, _all(place, paths), wanted)
    if not place.is_file():
        raise NotFound(f"there is no file or folder {clean(source)}; correct the path", code="no_source")
    return _with_wanted(place.parent, {place.name: _read(place, FILE_LIMIT)}, wanted)


def _below(root: Path, endings: tuple[str, ...]) -> Iterator[str]:
    for folder, below, names in os.walk(root, onerror=_refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in names:
            file = Path(folder, name)
            if name.endswith(endings) and not name.startswith(".") and _is_plain(file):
                yield file.relative_to(root).as_posix()


def _refuse(error: OSError) -> None:
    """Raise it: what is in a folder that cannot be read would be missing without a word."""
    raise error


def _is_plain(file: Path) -> bool:
    """Tell whether this is a file: no link, and no pipe, which would be waited for."""
    return file.is_file() and not file.is_symlink()


def _all(root: Path, paths: Sequence[str]) -> dict[str, bytes]:
    if len(paths) > FILES_LIMIT:
        raise Invalid(f"these are more than {FILES_LIMIT} files; import them folder by folder")
    room = TOTAL_LIMIT
    found = {}
    for path in paths:
        found[path] = _read(root / path, min(FILE_LIMIT, room))
        room -= len(found[path])
    return found


def _read(file: Path, limit: int) -> bytes:
    with file.open("rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise Invalid(
            f"{clean(file)} is too large: a file may have {FILE_LIMIT >> 20} MiB, and all together "
            f"{TOTAL_LIMIT >> 20} MiB; split the source",
            code="too_large",
        )
    return content


def _with_wanted(root: Path, files: dict[str, bytes], wanted: Callable[[Files], Sequence[str]]) -> Files:
    """Add the files that are asked for, and exist; the format says what it means that one does not."""
    asked: set[str] = set()
    while fresh := [path for path in wanted(files) if path not in asked | files.keys()]:
        asked |= set(fresh)
        files |= {path: _read(root / path, FILE_LIMIT) for path in fresh if _is_inside(root, path)}
    return files


def _is_inside(root: Path, path: str) -> bool:
    if wrong_path(path):
        return False
    file = root / path
    return file.is_file() and file.resolve() == root.resolve() / path
