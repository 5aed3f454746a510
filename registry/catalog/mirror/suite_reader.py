"""Read the files of a suite in a commit: the file of cases beside the prompt's, and the rubrics it names.

They are no part of the version: whatever is wrong with them, it can be served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from registry.catalog.mirror import tag_info, tag_reader, trees
from registry.errors import ObjectMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry.catalog.mirror.trees import Reading
    from registry.catalog.parsing.partials import Files

    Wanted = Callable[[str, Files], Iterable[str]]

FILE_LIMIT = 64 << 20  # bytes of a file of cases, or of a rubric; it is in memory for a moment
ABSENT = "is not in the tagged commit"


class SuiteFiles(NamedTuple):
    """The path of a prompt's file from the prompts folder, and the files of its suite by their paths."""

    path: str
    beside: Files


def read(
    commit: str, name: str, wanted: Wanted, note: Callable[[ObjectMissing], object]
) -> Reading[SuiteFiles]:
    """Read the files of a prompt's suite in a commit.

    Args:
        commit: the object id.
        name: the prompt.
        wanted: returns the paths that are needed beside those found so far; it gets the path of the prompt's
            file, too.
        note: is called with each object that is missing, so that all are fetched at once.

    Raises:
        DocumentInvalid: the prompt has no file there, or a file of its suite cannot be read.
        GitFailed: an object is missing or damaged.
    """
    about = yield from tag_info.read(commit)
    found = yield from tag_reader.find(about, name)
    beside: dict[str, bytes | str] = {}
    while paths := list(wanted(found.inner, beside)):
        missing: list[ObjectMissing] = []
        for path in paths:
            try:
                beside[path] = yield from _file(found.root, found.place, path)
            except ObjectMissing as error:
                note(error)
                missing.append(error)
        if missing:
            raise missing[0]
    return SuiteFiles(found.inner, beside)


def _file(root: bytes, place: str, path: str) -> Reading[bytes | str]:
    *parents, last = f"{place}{path}".split("/")
    data = yield from trees.folder(root, parents)
    entry = trees.entry(data, last) if data is not None else None
    if entry is None:
        return ABSENT
    return (yield from tag_reader.file_content(place + path, entry, FILE_LIMIT))
