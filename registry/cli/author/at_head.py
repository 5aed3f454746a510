"""What HEAD holds of all prompts, and their newest versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.parsing.toml_source import FILE
from registry.cli.author import layout, suites, tagged, worktree
from registry.cli.author.suites import Committed
from registry.errors import Invalid
from registry.suites.cases import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from registry.catalog.parsing.partials import Files
    from registry.catalog.parsing.repository_settings import RepositorySettings
    from registry.cli.author.tagged import Versions

LINK = "120000"  # the mode of a symbolic link

Read = Mapping[str, tuple[bytes | None, str]]  # by version, its content and the digest of its suite


@dataclass(frozen=True, slots=True)
class Head:
    """What HEAD holds of all prompts.

    Attributes:
        top: the worktree.
        settings: those of HEAD.
        places: what the paths of prompts begin with.
        paths: the prompts' names, by the paths of their files.
        links: those of the paths that are symbolic links.
        files: the bytes of the files, by name; of two files of one prompt, those of the last.
        partials: the partials of each, by name.
        contents: both as the content of a version, by name.
        beside: the files of the suite of each, by name.
        suites: their digests, by name.
    """

    top: Path
    settings: RepositorySettings
    places: tuple[str, ...]
    paths: Mapping[str, str]
    links: frozenset[str]
    files: Mapping[str, bytes]
    partials: Mapping[str, Files]
    contents: Mapping[str, bytes]
    beside: Mapping[str, Files]
    suites: Mapping[str, str]


def read(top: Path) -> Head:
    """Read what HEAD holds; more runs of git only for partials. Raises Invalid or DocumentInvalid."""
    if worktree.is_changed(top, FILE):
        raise Invalid(f"{FILE} differs from what HEAD holds; git add it and git commit it first")
    settings = layout.at_head(top)
    modes = worktree.modes(top)
    paths = settings.prompts_in(list(modes))
    places = settings.places(usual=any(path.startswith(f"{naming.FOLDER}/") for path in modes))
    links = frozenset(path for path in paths if modes[path] == LINK)
    held: dict[str, bytes] = {}
    asked: dict[str, Files] = {}
    whole: dict[str, bytes] = {}
    found = zip(paths.items(), worktree.contents(top, [f"HEAD:{path}" for path in paths]), strict=True)
    for (path, name), content in sorted(found, key=lambda each: each[0][1]):
        if content is not None:
            held[name] = content
            whole[name], asked[name] = tagged.with_partials(top, "HEAD", path, name, content)
    beside, digests = _suites(top, paths, held)
    return Head(top, settings, places, paths, links, held, asked, whole, beside, digests)


def _suites(
    top: Path, paths: Mapping[str, str], held: Mapping[str, bytes]
) -> tuple[dict[str, Files], dict[str, str]]:
    """Read the suites of the prompts in HEAD, by name, and their digests."""
    prompts = {
        name: Committed("HEAD", tagged.place_of(path, name), naming.file_names(name)[0], held[name])
        for path, name in paths.items()
        if name in held
    }
    beside = dict(zip(prompts, suites.in_commits(top, list(prompts.values())), strict=True))
    return beside, {name: digest_of(one.path, one.content, beside[name]) for name, one in prompts.items()}


def newest(top: Path, known: Versions) -> dict[str, Read]:
    """Read the newest version of each prompt, and its newest release; a few runs of git for them all."""
    wanted = [
        (name, version)
        for name, versions in known.items()
        for version in dict.fromkeys((*naming.newest_first(versions)[:1], *naming.releases(versions)[:1]))
    ]
    places = [(name, known[name][version]) for name, version in wanted]
    versions: dict[str, dict[str, tuple[bytes | None, str]]] = {}
    for (name, version), held in zip(wanted, tagged.read_with_suites(top, places), strict=True):
        versions.setdefault(name, {})[version] = held
    return dict(versions)
