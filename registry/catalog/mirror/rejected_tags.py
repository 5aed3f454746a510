"""Tags that define no version: the reason, and which of them to show. Pure."""

from __future__ import annotations

import re
from heapq import nsmallest
from typing import TYPE_CHECKING

from registry.catalog import naming

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLE = 20  # tags shown: enough to see what kind they are

_ALMOST = re.compile(rb"/.*\d|\d+\.\d+")  # possibly meant as a version
# The first pattern that matches the whole gives the reason.
_OF_TAG = (
    (r".*/V\d.*", "the v before the version has to be lower case"),
    (r".*/\d.*", "the v before the version is missing"),
    (r"[vV]?\d+\.\d.*", "the name before the version is missing"),
    (r"[^/]*[-_@]v?\d+\.\d.*", "there has to be a / between name and version"),
    (r".*", "it is not <name>/v<version>"),
)
_OF_VERSION = (
    (rf".{{{naming.VERSION_LENGTH + 1},}}", f"the version has more than {naming.VERSION_LENGTH} characters"),
    (r".*\+.*", "a version has no build metadata (+...)"),
    (r"(\d+\.)*0\d+([.-].*)?", "a number of the version has a leading zero"),
    (r"\d+(\.\d+)?(-.*)?", "the version has less than three numbers; write 1.2.0"),
    (r"\d+(\.\d+){3,}(-.*)?", "the version has more than three numbers"),
    (r".*", "the version does not follow SemVer 2.0.0; write 1.2.0 or 1.2.0-rc.1"),
)
_OF_SEGMENT = (
    (r".*[A-Z].*", "upper case is not allowed in a name"),
    (r".*[^a-z0-9_-].*", "a name has only a-z, 0-9, _, - and /"),
    (r"[_-].*", "each part of a name begins with a-z or 0-9"),
    (r".{65,}", "a part of the name has more than 64 characters"),
    (r"v\d+", "a part of the name looks like a version"),
    ("|".join(sorted(naming.RESERVED)), "a part of the name is a reserved word"),
)


def why(tag: bytes) -> str:
    """Return the first reason why a tag defines no version."""
    if len(tag) > naming.TAG_LENGTH:
        return f"the tag has more than {naming.TAG_LENGTH} characters"
    if not tag.isascii():
        return "a tag of a version is ASCII"
    name, slash, version = tag.decode().rpartition("/v")
    if not slash or not version[:1].isdecimal():
        return _first(_OF_TAG, tag.decode())
    return _of_name(name) or _first(_OF_VERSION, version)


def sample(tags: Iterable[bytes]) -> list[bytes]:
    """Return the tags to show, first those that may be meant as versions."""
    return nsmallest(SAMPLE, tags, key=lambda tag: not _ALMOST.search(tag[: naming.TAG_LENGTH]))


def _of_name(name: str) -> str:
    segments = name.split("/")
    if len(name) > naming.NAME_LENGTH:
        return f"the name has more than {naming.NAME_LENGTH} characters"
    if len(segments) > naming.SEGMENTS:
        return f"the name has more than {naming.SEGMENTS} parts"
    return next(filter(None, (_first(_OF_SEGMENT, segment) for segment in segments)), "")


def _first(rules: Iterable[tuple[str, str]], text: str) -> str:
    return next((reason for pattern, reason in rules if re.fullmatch(pattern, text, re.DOTALL)), "")
