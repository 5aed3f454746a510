"""Read what the author's repository has of the prompts that are imported."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.cli.author import layout, tagged, worktree
from registry.errors import Invalid
from registry.importers.here import Before, Held, Here
from registry.importers.provenance import TRAILER, Origin
from registry.suites.suite_source import cases_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from registry.catalog.parsing.repository_settings import RepositorySettings


def read(top: Path, fmt: str) -> Here:
    """Read what HEAD, its history and the tags have, for an import in a format.

    Raises:
        Invalid: there is no commit yet.
        DocumentInvalid: ``promptstage.toml`` is wrong.
    """
    _require_commit(top)
    settings = layout.at_head(top)
    files = worktree.paths(top)
    tags = worktree.tags(top)
    paths = {name: path for path, name in settings.prompts_in(files).items()}
    held = dict(zip(paths, _held(top, [("HEAD", path) for path in paths.values()]), strict=True))
    return Here(
        fmt,
        _folder(settings, files),
        settings,
        tags,
        tagged.versions(tags),
        {name: one for name, one in held.items() if one},
        _before(top, fmt, paths),
    )


def _require_commit(top: Path) -> None:
    try:
        worktree.require_commit(top, "HEAD")
    except Invalid:
        message = "there is no commit yet to build on; make one: git commit --allow-empty -m Begin"
        raise Invalid(message) from None


def _folder(settings: RepositorySettings, files: Sequence[str]) -> str:
    """Return what the paths of new prompts begin with: where others are, else ``prompts/``."""
    usual = any(path.startswith(f"{naming.FOLDER}/") for path in files)
    places = settings.places(usual=usual)
    taken = (place for place in reversed(places) if any(_is_prompt(place, path) for path in files))
    return next(taken, places[0] if len(places) == 1 else f"{naming.FOLDER}/")


def _is_prompt(place: str, path: str) -> bool:
    return path.startswith(place) and naming.name_of(path.removeprefix(place)) is not None


def _before(top: Path, fmt: str, paths: dict[str, str]) -> dict[str, Before]:
    """Find what earlier imports brought, in the history of HEAD."""
    numbers: dict[str, set[str]] = defaultdict(set)
    newest: dict[str, str] = {}
    for commit, origin in _origins(top):
        if origin.format == fmt:
            numbers[origin.name].add(origin.number)
            newest.setdefault(origin.name, commit)
    places = [(commit, paths.get(name, "")) for name, commit in newest.items()]
    held = dict(zip(newest, _held(top, places), strict=True))
    return {name: Before(frozenset(found), held[name]) for name, found in numbers.items()}


def _origins(top: Path) -> Iterator[tuple[str, Origin]]:
    """Yield commits with what they were imported from, the newest first."""
    fmt = f"%H %(trailers:key={TRAILER},valueonly,separator=%x00)%x00"
    plain = ("-c", "log.showSignature=false", "log", "--no-color")
    log = worktree.tell(top, *plain, f"--grep=^{TRAILER}: ", f"--format={fmt}", "HEAD")
    for line in log.decode("utf-8", "replace").split("\n"):
        commit, _, values = line.partition(" ")
        for origin in map(Origin.parse, filter(None, values.split("\0"))):
            if origin:
                yield commit, origin


def _held(top: Path, places: Sequence[tuple[str, str]]) -> list[Held | None]:
    """Read the files of prompts, each at a commit and the path of its file; None if there is none."""
    asked = [f"{commit}:{each}" for commit, path in places for each in (path, cases_path(path))]
    found = iter(worktree.contents(top, asked))
    read = [(path, next(found), next(found)) for _, path in places]
    return [None if content is None else Held(path, content, cases or b"") for path, content, cases in read]
