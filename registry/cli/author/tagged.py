"""The versions that are tagged in an author's repository, and their contents."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.parsing import bump, document, lines, repository_settings
from registry.catalog.parsing.partials import pack
from registry.catalog.parsing.repository_settings import RepositorySettings
from registry.catalog.parsing.toml_source import FILE
from registry.cli.author import layout, partials, suites, worktree
from registry.cli.author.suites import Committed
from registry.errors import DocumentInvalid, Invalid
from registry.suites.cases import digest_of
from registry.suites.digest import EMPTY
from registry.suites.suite_source import cases_path

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from promptstage.model import Document
    from registry.catalog.parsing.document import Parsed
    from registry.catalog.parsing.partials import Files

NAMED = 3  # prompts that an error suggests

Versions = dict[str, dict[str, str]]  # name -> version -> id of what is tagged


def versions(tags: Mapping[bytes, str]) -> Versions:
    """The versions of every prompt, among all tags and their ids."""
    found: Versions = {}
    for name, oid in tags.items():
        if tag := naming.split_tag(name):
            found.setdefault(tag.name, {})[tag.version] = oid
    return found


Wanted = Sequence[tuple[str, str]]  # versions, each by its prompt and the id of what is tagged


def read(top: Path, wanted: Wanted) -> list[bytes | None]:
    """The contents of versions; None if absent."""
    found = zip(wanted, find(top, wanted), strict=True)
    return [one and _content(top, name, one) for (name, _), one in found]


def read_with_suites(top: Path, wanted: Wanted) -> list[tuple[bytes | None, str]]:
    """The contents of versions, and the digests of their suites."""
    found = find(top, wanted)
    present = [one for one in found if one]
    read = dict(zip(map(id, present), suites.in_commits(top, present), strict=True))
    return [
        (_content(top, name, one), digest_of(one.path, one.content, read[id(one)])) if one else (None, EMPTY)
        for (name, _), one in zip(wanted, found, strict=True)
    ]


def _content(top: Path, name: str, one: Committed) -> bytes:
    return with_partials(top, one.commit, one.place + one.path, name, one.content)[0]


def find(top: Path, wanted: Wanted) -> list[Committed | None]:
    """Find the files of versions; two runs of git for all of them."""
    oids = list(dict.fromkeys(oid for _, oid in wanted))
    settings = dict(
        zip(oids, map(_settings, worktree.contents(top, [f"{oid}:{FILE}" for oid in oids])), strict=True)
    )
    places = [[f"{oid}:{path}" for path in settings[oid].candidates(name)] for name, oid in wanted]
    found = iter(worktree.contents(top, [path for some in places for path in some]))
    held = [{place: file for place in some if (file := next(found)) is not None} for some in places]
    return [_first(name, some) for (name, _), some in zip(wanted, held, strict=True)]


def _first(name: str, held: Mapping[str, bytes]) -> Committed | None:
    """Return the first file of a prompt among those at places such as ``<id>:<path>``."""
    for place, content in held.items():
        commit, _, path = place.partition(":")
        folder = place_of(path, name)
        return Committed(commit, folder, path.removeprefix(folder), content)
    return None


def with_partials(top: Path, commit: str, path: str, name: str, content: bytes) -> tuple[bytes, Files]:
    """Return the content of a version, and its partials, for a prompt's file in a commit."""
    folder = place_of(path, name)
    files = partials.in_commit(top, commit, folder, content)
    return pack(path.removeprefix(folder), content, files), files


def place_of(path: str, name: str) -> str:
    """Return the prompts folder, with a slash, of the file of a prompt."""
    return next(path.removesuffix(inner) for inner in naming.file_names(name) if path.endswith(inner))


def settings_at(top: Path, commit: str) -> RepositorySettings:
    """Read the settings of a commit or tag; with broken ones there is no prompt."""
    return _settings(worktree.contents(top, [f"{commit}:{FILE}"])[0])


def _settings(content: bytes | None) -> RepositorySettings:
    """Read the settings of what is tagged; with broken ones there is no prompt."""
    try:
        return repository_settings.parse(content or b"", whole=False)
    except DocumentInvalid:
        return RepositorySettings(exclude=("**",))


def between(old: bytes | None, new: bytes | None) -> list[bump.Reason] | None:
    """What differs between two files; None if one of them is absent or cannot be served."""
    before, after = _parse(old), _parse(new)
    if before is None or after is None:
        return None
    return bump.reasons(before, after, lines.finder(new or b""))


def _parse(content: bytes | None) -> Document | None:
    try:
        return document.parse(content, "").document if content is not None else None
    except DocumentInvalid:
        return None


def served(content: bytes, path: str, files: Files | None) -> Parsed:
    """Parse a file that has to be served. Raises Invalid with the place of the first error."""
    try:
        return document.parse(content, path, files)
    except DocumentInvalid as error:
        raise Invalid(f"{path}:{error.line}:{error.column}: {error.message}", **error.extra) from error


def at_head(top: Path, name: str) -> tuple[str, bytes]:
    """Find the prompt's file in HEAD: its path, and the content of a version with its partials.

    Raises:
        Invalid: there is none, a partial cannot be put in, or the worktree differs from HEAD.
    """
    if worktree.is_changed(top, FILE):
        raise Invalid(
            f"{FILE} differs from what HEAD holds; git add it and git commit it first, then tag {name}"
        )
    settings = layout.at_head(top)
    bases = settings.places(usual=worktree.is_folder(top, naming.FOLDER))
    places = [[base + path for path in naming.file_names(name)] for base in bases]
    found = ((paths, _held(top, paths)) for paths in places)
    paths, held = next(((paths, held) for paths, held in found if held), (_everywhere(settings, name), {}))
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
    if settings.prompt_at(path) is None:
        raise Invalid(
            f"{path} is excluded by {FILE}, so it is no prompt; change that, and git commit it first"
        )
    if worktree.kind(top, "HEAD", path) != worktree.A_FILE:
        raise Invalid(
            f"{path} is a symbolic link in HEAD, which the registry does not follow; put the prompt's own "
            "file there, and git commit that first"
        )
    whole, files = with_partials(top, "HEAD", path, name, content)
    folder = place_of(path, name)
    if changed := [other for other in files if worktree.is_changed(top, folder + other)]:
        raise Invalid(
            f"{folder}{changed[0]}, a partial of {name}, differs from what HEAD holds; git add it and git "
            "commit it first, then tag it"
        )
    if any(isinstance(file, str) for file in files.values()):
        served(content, path, files)
    return path, whole


def suite_at_head(top: Path, name: str, path: str, content: bytes) -> Files:
    """Read the files of a prompt's suite in HEAD, for what `at_head` returns.

    Raises:
        Invalid: the worktree differs from HEAD.
    """
    folder = place_of(path, name)
    inner = path.removeprefix(folder)
    (beside,) = suites.in_commits(top, [Committed("HEAD", folder, inner, content)])
    files = [folder + each for each in (cases_path(inner), *beside)]
    if worktree.is_changed(top, *files):
        changed = next(file for file in files if worktree.is_changed(top, file))
        raise Invalid(
            f"{changed}, of the suite of {name}, differs from what HEAD holds; git add it and git commit it "
            "first, then tag it"
        )
    return beside


def _everywhere(settings: RepositorySettings, name: str) -> list[str]:
    """List the paths at which the file could be, were it committed."""
    return [place + path for place in settings.all_places() for path in naming.file_names(name)]


def require_room(tags: Collection[bytes], name: str) -> None:
    """Let pass a prompt whose versions no other tag is in the way of: to git, tags are files and folders."""
    parts = name.split("/")
    above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    if other := next((tag for tag in above if tag.encode() in tags), None):
        raise Invalid(
            f"the tag {other} is in the way of {name}'s versions; rename it:  "
            f"git tag {other}-old {other} && git tag --delete {other}"
        )


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
    near = get_close_matches(name, filter(None, map(layout.at_head(top).prompt_at, held)), NAMED)
    return f"did you mean {' or '.join(near)}?" if near else "write it, git add and git commit that first"
