"""Check the tags of prompts: the newest versions, and tags that make none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from registry.catalog import naming
from registry.catalog.mirror import rejected_tags
from registry.catalog.parsing import bump, document
from registry.cli.author import tagged, worktree
from registry.errors import DocumentInvalid
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from registry.cli.author.tagged import Versions

SHOWN = 3  # tags that are named in one sentence
_MEANT = re.compile(r"(.+?)(?:/[vV]?|[-_@][vV]?)(\d+(?:\.\d+)+.*)")  # a name, and what may be a version of it


class TagWarning(NamedTuple):
    """What is said of a prompt: its name, a code, and a sentence."""

    name: str
    code: str
    message: str


def lint(top: Path, names: Collection[str]) -> Iterator[TagWarning]:
    """Say what is odd about the tags of these prompts; two runs of git, however many there are."""
    tags = worktree.tags(top)
    known = tagged.versions(tags)
    yield from _newest(top, {name: known[name] for name in names if name in known})
    yield from _lost(tags, names, known)


def _newest(top: Path, known: Versions) -> Iterator[TagWarning]:
    """Look at the newest release of each prompt, and at the one before it."""
    pairs = {name: naming.releases(versions)[:2] for name, versions in known.items()}
    wanted = [(name, known[name][version]) for name, pair in pairs.items() for version in pair]
    files = iter(tagged.read_with_suites(top, wanted))
    for name, pair in pairs.items():
        contents = [next(files) for _ in pair]
        if pair and (reason := _unfit(contents[0][0])):
            remedy = f"then git commit, and promptstage tag {name}"
            yield TagWarning(name, "bad_version", f"{pair[0]} cannot be served: {reason}; {remedy}")
        elif len(pair) > 1:
            yield from _compared(name, pair, contents)


def _unfit(content: bytes | None) -> str:
    """Why nobody can be served with what a tag holds; empty if that is possible."""
    if content is None:
        return "its file is not in the tagged commit; add it"
    try:
        document.parse(content, "")
    except DocumentInvalid as error:
        return f"line {error.line}: {error.message}"
    return ""


def _compared(name: str, pair: list[str], read: list[tuple[bytes | None, str]]) -> Iterator[TagWarning]:
    """A release that is the one before it once more, with the same cases, or should have been greater."""
    (new, old), ((after, suite), (before, suite_before)) = pair, read
    if (after, suite) == (before, suite_before):
        remedy = f"if a change was meant to be in it, git commit that, then promptstage tag {name}"
        yield TagWarning(name, "same_file", f"{new} is the same file as {old}; {remedy}")
    differences = tagged.between(before, after)
    part = bump.needed(differences or (), old)
    if differences and not bump.is_enough(old, new, part):
        better = naming.bump(new, part)
        wrong = f"{new} {differences[0].words} (compared with {old}), so it should be {better}"
        remedy = f"tag it once more: promptstage tag {name} --version {better}"
        yield TagWarning(name, "small_bump", f"{wrong}; {remedy}")


def _lost(tags: Iterable[bytes], names: Collection[str], known: Versions) -> Iterator[TagWarning]:
    """Somebody meant a version of a prompt, but the tag is not written like one."""
    found: dict[str, list[tuple[bytes, str]]] = {}
    for tag in tags:
        meant = None if naming.split_tag(tag) else _MEANT.fullmatch(tag.decode("ascii", "replace"))
        if meant and (name := meant[1].lower()) in names:
            version = _version(meant[2])
            if version not in known.get(name, ()):
                found.setdefault(name, []).append((tag, version))
    for name, lost in found.items():
        shown = ", ".join(clean(tag.decode("ascii", "replace")) for tag, _ in lost[-SHOWN:])
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        last, version = lost[-1]
        remedy = f"tag that commit {naming.tag_of(name, version)}"
        yield TagWarning(
            name, "lost_tag", f"no version was made by {shown}{more}: {rejected_tags.why(last)}; {remedy}"
        )


def _version(text: str) -> str:
    """The version that may have been meant."""
    return next(filter(naming.is_version, (text, f"{text}.0", text.partition("+")[0])), "1.0.0")
