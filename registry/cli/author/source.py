"""Read prompt files: those of the worktree, of HEAD, and of a version."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from registry.catalog import naming
from registry.catalog.naming import LATEST
from registry.catalog.parsing.partials import split
from registry.cli.author import files, layout, partials, tagged, worktree
from registry.errors import Invalid

if TYPE_CHECKING:
    from registry.catalog.parsing.document import Parsed
    from registry.catalog.parsing.partials import Files

NAMED = 3  # prompts or versions that an error suggests


class Source(NamedTuple):
    """A prompt file: its path, for people, its bytes, and its partials, where they are not in the bytes."""

    path: str
    content: bytes
    files: Files | None = None

    def parse(self) -> Parsed:
        """Return what can be served. Raises Invalid with the place of the first error."""
        return tagged.served(self.content, self.path, self.files)


def below(folder: Path) -> dict[str, Source]:
    """Return the prompts of a folder, or of a repository, by name; an invalid name is left out."""
    found = {}
    place = layout.around(folder)
    for root in place.roots(folder):
        for file in files.find(root, place):
            if name := _name(root, file):
                found[name] = _in_folder(root, file)
    return found


def in_worktree(name: str) -> Source:
    """Return the file of a prompt as it is now, here or in the repository around. Raises Invalid."""
    return _in_folder(*find_in_worktree(name))


def find_in_worktree(name: str) -> tuple[Path, Path]:
    """Find the prompts folder and the file of a prompt, here or in the repository around. Raises Invalid."""
    place = layout.around(Path.cwd())
    roots = place.roots() or [place.top / place.settings.places(usual=True)[0]]
    places = {root / path: root for root in roots for path in naming.file_names(name)}
    file = next(filter(Path.is_file, places), None)
    if file is None:
        known = filter(None, (_name(root, path) for root in roots for path in files.find(root, place)))
        near = " or ".join(get_close_matches(name, known, NAMED))
        remedy = f"did you mean {near}?" if near else "write it first"
        raise Invalid(f"there is no {files.shown(next(iter(places)))}; {remedy}")
    return places[file], file


def _in_folder(root: Path, file: Path) -> Source:
    content = file.read_bytes()
    return Source(files.shown(file), content, partials.in_folder(root, content))


def _name(root: Path, file: Path) -> str | None:
    return naming.name_of(file.relative_to(root).as_posix())


def at_version(name: str, version: str) -> tuple[str, Source]:
    """Return a version that is tagged in the repository around, and its file. Raises Invalid."""
    top = worktree.top(Path())
    chosen, oid = find_version(top, name, version)
    (content,) = tagged.read(top, [(name, oid)])
    if content is None:
        raise Invalid(
            f"the tag {naming.tag_of(name, chosen)} holds no file of {name}; choose another version"
        )
    return chosen, Source(f"{name}@{chosen}", *split(content))


def find_version(top: Path, name: str, version: str) -> tuple[str, str]:
    """Return a version that is tagged, and the id of what is tagged. Raises Invalid."""
    known = tagged.versions(worktree.tags(top)).get(name, {})
    chosen = naming.latest(known) if version == LATEST else version
    if chosen is None or chosen not in known:
        newest = naming.newest_first(known)[:NAMED]
        remedy = f"here are {', '.join(newest)}" if newest else "tag one first"
        raise Invalid(f"{name} has no version {version} in this clone; {remedy}, or: git fetch --tags")
    return chosen, known[chosen]


def in_head(top: Path) -> dict[str, Source]:
    """Return the prompts that HEAD holds, by name."""
    named = {name: path for path, name in layout.at_head(top).prompts_in(worktree.paths(top)).items()}
    contents = worktree.contents(top, [f"HEAD:{path}" for path in named.values()])
    held = zip(named.items(), contents, strict=True)
    return {
        name: Source(path, content, partials.in_commit(top, "HEAD", tagged.place_of(path, name), content))
        for (name, path), content in held
        if content is not None
    }
