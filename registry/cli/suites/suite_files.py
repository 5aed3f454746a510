"""Read a prompt's file with all that its suite is made of: from the worktree, and from a commit."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from registry.catalog import naming
from registry.catalog.parsing.partials import Files, pack
from registry.cli.author import files, layout, partials, source, suites, tagged, worktree
from registry.cli.author.suites import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.catalog.parsing.document import Parsed


class PromptFile(NamedTuple):
    """A prompt's file, and what belongs to it.

    Attributes:
        name: the prompt.
        folder: what paths from the prompts folder are preceded by, for people; empty, or with a slash.
        path: of the prompt's file, from the prompts folder.
        content: its bytes.
        partials: the partials that it asks for.
        beside: the file of cases, and rubrics.
    """

    name: str
    folder: str
    path: str
    content: bytes
    partials: Files
    beside: Files

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of the content of a version that is made of it."""
        return f"sha256:{sha256(pack(self.path, self.content, self.partials)).hexdigest()}"

    def parse(self) -> Parsed:
        """Return what can be served. Raises Invalid with the place of the first error."""
        return tagged.served(self.content, self.folder + self.path, self.partials)


def in_worktree(name: str) -> PromptFile:
    """Read the file of a prompt as it is now, here or in the repository around. Raises Invalid."""
    return _in_folder(name, *source.find_in_worktree(name))


def all_in_worktree() -> Iterator[PromptFile]:
    """Read every prompt of the repository around, in the order of their paths."""
    place = layout.around(Path.cwd())
    for root in place.roots():
        for file in files.find(root, place):
            if name := naming.name_of(file.relative_to(root).as_posix()):
                yield _in_folder(name, root, file)


def at_commit(top: Path, commit: str, name: str) -> PromptFile | None:
    """Read the file of a prompt from a commit or tag; None: it is not there."""
    candidates = tagged.settings_at(top, commit).candidates(name)
    contents = worktree.contents(top, [f"{commit}:{path}" for path in candidates])
    found = zip(candidates, contents, strict=True)
    path, content = next(((path, data) for path, data in found if data is not None), ("", None))
    if content is None:
        return None
    folder = tagged.place_of(path, name)
    asked = partials.in_commit(top, commit, folder, content)
    inner = path.removeprefix(folder)
    (beside,) = suites.in_commits(top, [Committed(commit, folder, inner, content)])
    return PromptFile(name, folder, inner, content, asked, beside)


def _in_folder(name: str, root: Path, file: Path) -> PromptFile:
    content = file.read_bytes()
    inner = file.relative_to(root).as_posix()
    folder = files.shown(file).removesuffix(inner)
    beside = suites.in_folder(root, inner, content)
    return PromptFile(name, folder, inner, content, partials.in_folder(root, content), beside)
