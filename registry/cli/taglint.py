"""What the tags of a repository say of its prompts: versions raised too little, tags that make none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from registry.catalog import bump, ignored, naming
from registry.cli import made, output, worktree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from registry.cli.made import Versions

SHOWN = 3  # tags that are named in one sentence
_MEANT = re.compile(r"(.+?)(?:/[vV]?|[-_@][vV]?)(\d+(?:\.\d+)+.*)")  # a name, and what may be a version of it


class Said(NamedTuple):
    """What is said of a prompt: its name, a code, and a sentence."""

    name: str
    code: str
    message: str


def look(top: Path, names: Collection[str]) -> Iterator[Said]:
    """Say what is odd about the tags of these prompts; two runs of git, however many there are."""
    tags = worktree.tags(top)
    known = made.versions(tags)
    yield from _too_small(top, {name: known[name] for name in names if name in known})
    yield from _lost(tags, names, known)


def _too_small(top: Path, known: Versions) -> Iterator[Said]:
    """The newest release should have been a greater one, compared with the one before it."""
    pairs = {name: naming.releases(versions)[:2] for name, versions in known.items()}
    pairs = {name: pair for name, pair in pairs.items() if len(pair) > 1}
    wanted = [(name, known[name][version]) for name, pair in pairs.items() for version in pair]
    files = iter(made.read(top, wanted))
    for name, (new, old) in pairs.items():
        after, before = next(files), next(files)
        differences = made.between(before, after)
        part = bump.needed(differences or (), old)
        if differences and not bump.is_enough(old, new, part):
            better = naming.bump(new, part)
            wrong = f"{new} {differences[0].words} (compared with {old}), so it should be {better}"
            remedy = f"tag it once more: promptstage tag {name} --version {better}"
            yield Said(name, "small_bump", f"{wrong}; {remedy}")


def _lost(tags: Iterable[bytes], names: Collection[str], known: Versions) -> Iterator[Said]:
    """Somebody meant a version of a prompt, but the tag is not written like one."""
    found: dict[str, list[tuple[bytes, str]]] = {}
    for tag in tags:
        meant = None if naming.split_tag(tag) else _MEANT.fullmatch(tag.decode("ascii", "replace"))
        if meant and (name := meant[1].lower()) in names:
            version = _version(meant[2])
            if version not in known.get(name, ()):
                found.setdefault(name, []).append((tag, version))
    for name, lost in found.items():
        shown = ", ".join(output.clean(tag.decode("ascii", "replace")) for tag, _ in lost[-SHOWN:])
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        last, version = lost[-1]
        remedy = f"tag that commit {naming.tag_of(name, version)}"
        yield Said(name, "lost_tag", f"no version was made by {shown}{more}: {ignored.why(last)}; {remedy}")


def _version(text: str) -> str:
    """The version that may have been meant."""
    return next(filter(naming.is_version, (text, f"{text}.0", text.partition("+")[0])), "1.0.0")
