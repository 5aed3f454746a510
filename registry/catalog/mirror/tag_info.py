"""Read the author, time and message of a tag, in the formats of gitformat-commit and git-mktag.

Every object's hash was checked before.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from registry.catalog.mirror import trees
from registry.errors import DocumentInvalid
from registry.system import timestamps
from registry.system.text import escape

if TYPE_CHECKING:
    from registry.catalog.mirror.trees import Reading
    from registry.git.command import GitObject

TAG_DEPTH = 5  # a tag of a tag happens; a longer chain is no accident
ABOUT_LIMIT = 1 << 20  # bytes of a tag or commit; larger ones exist only to do harm
MESSAGE_LIMIT = 4000  # characters of a tag's message that are kept
AUTHOR_LIMIT = 200  # characters of a name and an address

# Git writes ``Name <mail> 1767225600 +0100``; dates before 1970 have a sign, and old tools wrote other zones.
_WHEN = re.compile(rb"\s*(?P<seconds>-?\d{1,20})(\s+(?P<sign>[+-])(?P<zone>\d{1,6}))?\s*$")
# What git notes in a commit that is not in UTF-8 (i18n.commitEncoding); Python knows others that cost much.
_CHARSET = re.compile(
    r"iso[-_]?8859[-_]?\d+|latin[-_]?\d+|(cp|windows)[-_]?125\d|koi8[-_]?[ru]|shift[-_]?jis|euc[-_]?(jp|kr)"
    r"|gbk|gb2312|gb18030|big5",
    re.IGNORECASE | re.ASCII,
)
_WHEN_SIZE = 64  # bytes at the end of a line that hold the time


@dataclass(frozen=True, slots=True)
class TagInfo:
    """The author, time and message of a version; `tree` is empty if the tag points to no commit."""

    commit: str = ""
    tree: str = ""
    author: str = ""
    tagged_at: str = ""
    message: str = ""


def read(oid: str) -> Reading[TagInfo]:
    """Read an annotated tag's author and message, else its commit's.

    Raises:
        DocumentInvalid: they are too long.
        GitFailed: an object is missing or damaged.
    """
    found = yield from _words(oid)
    words = found
    for _ in range(TAG_DEPTH):
        if found.kind != "tag":
            break
        found = yield from _words(_header(found.data, b"object").decode())
    person = _person(words.data, b"tagger" if words.kind == "tag" else b"author")
    if found.kind != "commit":
        return TagInfo(author=_author(person), tagged_at=_time(person), message=_message(words.data))
    if not person:  # very old tags have no tagger
        person = _person(found.data, b"author")
    tree = _header(found.data, b"tree").decode()
    return TagInfo(found.oid, tree, _author(person), _time(person), _message(words.data))


def _words(oid: str) -> Reading[GitObject]:
    message = "the message of the tag or its commit has more than 1 MiB; shorten it under a new version"
    return trees.bounded(oid, ABOUT_LIMIT, DocumentInvalid(message))


def _header(data: bytes, key: bytes) -> bytes:
    head = data.partition(b"\n\n")[0]
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name == key:
            return value
    return b""


def _person(data: bytes, key: bytes) -> bytes:
    return _utf8(data, _header(data, key))


def _utf8(data: bytes, text: bytes) -> bytes:
    """Return a text of an object in UTF-8."""
    charset = _header(data, b"encoding").decode("ascii", "replace")
    if _CHARSET.fullmatch(charset):
        with suppress(LookupError):  # such as ISO-8859-99
            return text.decode(charset, "replace").encode()
    return text


def _message(data: bytes) -> str:
    text = _utf8(data, data.partition(b"\n\n")[2]).decode("utf-8", "replace")
    return text.partition("-----BEGIN ")[0].strip()[:MESSAGE_LIMIT]  # without the signature


def _author(person: bytes) -> str:
    match = _when(person)
    return escape(person[: -len(match[0])] if match and match[0] else person, AUTHOR_LIMIT)


def _time(person: bytes) -> str:
    """Format as RFC 3339 with the author's own offset, if valid; the epoch for an invalid date."""
    match = _when(person)
    try:
        return _rfc3339(int(match["seconds"]), _zone(match)) if match else _rfc3339(0, UTC)
    except (ValueError, OverflowError, OSError):
        return _rfc3339(0, UTC)


def _when(person: bytes) -> re.Match[bytes] | None:
    return _WHEN.search(person[-_WHEN_SIZE:])


def _zone(match: re.Match[bytes]) -> timezone:
    hours, minutes = divmod(int(match["zone"] or 0), 100)
    offset = timedelta(hours=hours, minutes=minutes)
    if offset >= timedelta(days=1):
        return UTC
    return timezone(-offset if match["sign"] == b"-" else offset)


def _rfc3339(seconds: int, zone: timezone) -> str:
    return timestamps.rfc3339(datetime.fromtimestamp(seconds, zone))
