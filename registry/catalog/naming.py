"""Names, versions and tags. Pure, and the one module that imports `semver`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from unicodedata import normalize

from semver import Version

from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LATEST = "latest"  # in the place of a version: the newest that can be served
RESERVED = frozenset(("versions", "releases", "rollouts", "actions", "diff", "history", "resolve", "stream"))
NAME_LENGTH = 200
SEGMENTS = 8
VERSION_LENGTH = 100  # our own limit, as a tag is a file's name in git and in the journal
TAG_LENGTH = NAME_LENGTH + len("/v") + VERSION_LENGTH  # a longer tag is no version, and is not parsed
NUMBER_PART = 999  # the largest major, minor or patch in `number`: three digits each
FOLDER = "prompts"  # the prompts folder; a repository without it has them in its root
GITHUB_FOLDER = ".github/prompts"  # where GitHub keeps them: searched after the root, if there is no FOLDER
SUFFIXES = (".prompt.yml", ".prompt.yaml")

_SEGMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LIKE_VERSION = re.compile(r"v\d+", re.ASCII)  # a dot is not in the grammar of segments anyway


class Tag(NamedTuple):
    """The name and version of a tag ``<name>/v<version>``."""

    name: str
    version: str


def is_name(name: str) -> bool:
    """Return whether this can be the name of a prompt; refuse a long text before parsing or caching it."""
    return len(name) <= NAME_LENGTH and _is_name(name)


@lru_cache(maxsize=1 << 14)  # a prompt has many tags
def _is_name(name: str) -> bool:
    segments = name.split("/")
    return len(segments) <= SEGMENTS and all(map(_is_segment, segments))


def _is_segment(segment: str) -> bool:
    return (
        bool(_SEGMENT.fullmatch(segment)) and segment not in RESERVED and not _LIKE_VERSION.fullmatch(segment)
    )


def require_name(name: str) -> str:
    """Return the name. Raises Invalid (`bad_name`) with the rule if it is not valid."""
    if is_name(name):
        return name
    raise Invalid(f"{name[:NAME_LENGTH]!r} is no prompt's name; {_rule(name)}", code="bad_name")


def _rule(name: str) -> str:
    """Return the rule of names, or what is wrong with this one."""
    rule = "use a-z, 0-9, _ and - in parts joined by /"
    parts = name.split("/")
    if len(name) > NAME_LENGTH or len(parts) > SEGMENTS:
        return f"{rule}, {SEGMENTS} parts and {NAME_LENGTH} characters at most"
    taken = next((part for part in parts if part in RESERVED or _LIKE_VERSION.fullmatch(part)), None)
    return f"{rule}, but {taken} means something else in addresses and tags" if taken else rule


def suggest(name: str) -> str | None:
    """Return the valid name most like this text; None if there is none."""
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()  # é becomes e
    near = "/".join(re.sub(r"[^a-z0-9_]+", "-", part).strip("-_") for part in plain.split("/"))
    return near if is_name(near) else None


def is_version(version: str) -> bool:
    """Return whether this is a version by SemVer 2.0.0, without build metadata."""
    return len(version) <= VERSION_LENGTH and _parse(version) is not None


def require_version(version: str) -> str:
    """Return the version. Raises Invalid (`bad_version`) with the rule if it is not valid."""
    if is_version(version):
        return version
    raise Invalid(
        f"{version[:VERSION_LENGTH]!r} is no version; write one like 1.3.0 or 2.0.0-rc.1",
        code="bad_version",
    )


@lru_cache(maxsize=1 << 16)
def _parse(version: str) -> Version | None:
    if not version.isascii():
        return None
    try:
        parsed = Version.parse(version)
    except ValueError:
        return None
    return None if parsed.build else parsed


def split_tag(tag: bytes) -> Tag | None:
    """Parse a tag, the bytes after ``refs/tags/``; None if it is not a version's."""
    if len(tag) > TAG_LENGTH or not tag.isascii():
        return None
    name, slash, version = tag.rpartition(b"/v")
    if not slash:
        return None
    read = Tag(name.decode(), version.decode())
    return read if is_name(read.name) and is_version(read.version) else None


def tag_of(name: str, version: str) -> str:
    """Return the tag of this version."""
    return f"{name}/v{version}"


def number(version: str) -> int | None:
    """Return the version as one integer; None for a pre-release, or if a number is over 999."""
    parsed = _parse(version)
    if parsed is None or parsed.prerelease or max(parsed.to_tuple()[:3]) > NUMBER_PART:
        return None
    return parsed.major * 1_000_000 + parsed.minor * 1_000 + parsed.patch


def of_number(number: int) -> str | None:
    """Return the version that has this `number`; None if there can be none."""
    if not 0 <= number < (NUMBER_PART + 1) ** 3:
        return None
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def newest_first(versions: Iterable[str]) -> list[str]:
    """Sort by the precedence of SemVer 2.0.0."""
    return sorted(versions, key=_precedence, reverse=True)


@lru_cache(maxsize=1 << 16)
def _precedence(version: str) -> tuple[object, ...]:
    """Return a sort key for the precedence of SemVer 2.0.0, a hundred times as fast as `Version`."""
    parsed = Version.parse(version)
    words = (parsed.prerelease or "").split(".")
    ranks = tuple((0, int(word), "") if word.isdecimal() else (1, 0, word) for word in words)
    return parsed.major, parsed.minor, parsed.patch, parsed.prerelease is None, ranks


def latest(versions: Iterable[str], invalid: Collection[str] = ()) -> str | None:
    """Choose the highest release that is not known to be invalid, else the highest such pre-release.

    If all are invalid, it is the highest of them: reading it reports the problem.
    """
    ordered = newest_first(versions)
    sound = [version for version in ordered if version not in invalid]
    releases = [version for version in sound if "-" not in version]
    return next(iter(releases or sound or ordered), None)


def preferred(versions: Iterable[str]) -> list[str]:
    """Order versions as candidates for the latest: releases, then pre-releases, highest first."""
    return sorted(newest_first(versions), key=lambda version: "-" in version)


def bump(version: str | None, part: str) -> str:
    """Return the release after this one.

    Args:
        version: the highest one that exists; None for the first.
        part: ``major``, ``minor`` or ``patch``.
    """
    return str(Version.parse(version or "0.0.0").next_version(part))


def risen(old: str, new: str) -> Literal["major", "minor", "patch"] | None:
    """Return the highest number by which a version is above another one; None if it is not above."""
    a, b = Version.parse(old), Version.parse(new)
    if b <= a:
        return None
    if b.major > a.major:
        return "major"
    return "minor" if b.minor > a.minor else "patch"


def releases(versions: Iterable[str], below: str | None = None) -> list[str]:
    """Return the versions that are not pre-releases, newest first; with `below`, those that precede it."""
    limit = below and Version.parse(below)
    found = newest_first(version for version in versions if "-" not in version)
    return [version for version in found if not limit or Version.parse(version) < limit]


def file_names(name: str) -> tuple[str, str]:
    """Return the two paths, below the prompts folder, at which a prompt's file may be."""
    yml, yaml = SUFFIXES
    return f"{name}{yml}", f"{name}{yaml}"


def stem(path: str) -> str:
    """Return a path without the suffix of a prompt's file; only one suffix is removed."""
    found = next((suffix for suffix in SUFFIXES if path.endswith(suffix)), "")
    return path.removesuffix(found)


def name_of(path: str) -> str | None:
    """Return the prompt whose file is at this path below the prompts folder; None if it is no prompt's."""
    name = stem(path)
    return name if name != path and is_name(name) else None
