"""Compare the upstream's tags with the pins, and write the report and the log of a sync."""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from registry.catalog.mirror import pins, rejected_tags
from registry.catalog.naming import split_tag
from registry.errors import GitFailed
from registry.git.repository import SHA256
from registry.system import figures
from registry.system.text import escape

if TYPE_CHECKING:
    from pathlib import Path

    from promptstage.model import Json
    from registry.catalog.mirror.fetch import Tags

RETRY_SECONDS = 300.0  # before a tag that could not be fetched is tried again
MOVED_SHOWN = 100  # moved tags listed
NAMED = 5  # new tags listed in a line of the log

NO_REPORT: Json = {
    "synced_at": None,
    "error": None,
    "not_before": None,
    "ignored": {"count": 0, "sample": [], "reasons": []},
    "moved": [],
    "moved_count": 0,
    "failed": {},
}
logger = logging.getLogger("registry.catalog.mirror.mirror")  # log under the mirror's name


class Found(NamedTuple):
    """The differences of the upstream's tags from the pins."""

    new: Tags
    moved: list[Json]
    others: list[bytes]  # those that define no version


def require_sha1(listing: bytes) -> None:
    """Refuse a list of tags with ids other than SHA-1. Raises GitFailed."""
    if listing and listing.find(b"\t") != pins.OID:
        raise GitFailed(f"this repository cannot be used: {SHA256}", code="git_unsupported")


def compare(listing: bytes, pinned: bytes) -> Found:
    """Compare by sets of lines, so that only differences cost more than their bytes."""
    theirs, ours = set(listing.splitlines()), set(pinned.splitlines())
    changed = sorted(pins.split(theirs - ours))
    gone = dict(pins.split(ours - theirs))  # moved or deleted upstream
    moved = [
        {"tag": tag.decode(), "pinned": gone[tag], "upstream": oid} for tag, oid in changed if tag in gone
    ]
    new: Tags = {}
    others: list[bytes] = []
    for tag, oid in changed:
        if not split_tag(tag):
            others.append(tag)
        elif tag not in gone:
            new[tag.decode()] = oid
    return Found(new, moved, others)


def waiting(new: Tags, failed: dict[str, Json]) -> dict[str, Json]:
    """Return the failures of earlier syncs that are not due to be tried again."""
    return {tag: entry for tag, entry in failed.items() if _still_waits(new.get(tag), entry)}


def _still_waits(oid: str | None, entry: Json) -> bool:
    """Return whether a failed tag is unchanged, and not due to be tried again."""
    return bool(entry["id"] == oid) and 0 < entry["until"] - time.time() <= RETRY_SECONDS


def failures(tags: Tags, error: str) -> dict[str, Json]:
    """Return the report's entries for tags that could not be fetched just now."""
    until = time.time() + RETRY_SECONDS
    return {tag: {"id": oid, "until": until, "error": error} for tag, oid in tags.items()}


def report(found: Found, failed: dict[str, Json], now: str) -> Json:
    """Build the report of a sync that reached the upstream."""
    return {
        "synced_at": now,
        "error": _complaint(failed),
        "not_before": None,
        "ignored": _ignored(found.others),
        "moved": found.moved[:MOVED_SHOWN],
        "moved_count": len(found.moved),
        "failed": failed,
    }


def read(file: Path) -> Json:
    """Read the report from a file; empty if it cannot be read."""
    found: Json = {}
    with suppress(FileNotFoundError, ValueError):
        found |= json.loads(file.read_bytes())
    return found


def save(report: Json, file: Path) -> None:
    """Replace the report in a file. Raises OSError."""
    written = file.with_suffix(".new")
    written.write_text(json.dumps(report))
    written.replace(file)


def _complaint(failed: dict[str, Json]) -> str | None:
    if not failed:
        return None
    tag, entry = next(iter(failed.items()))
    return f"tags that could not be fetched: {len(failed)}, such as {tag}: {entry['error']}"


def _ignored(tags: list[bytes]) -> Json:
    shown = rejected_tags.sample(tags)
    return {
        "count": len(tags),
        "sample": list(map(escape, shown)),
        "reasons": list(map(rejected_tags.why, shown)),
    }


def log(new: list[str], moved: list[Json], before: Json) -> None:
    """Log the result of a sync, in the process that made it."""
    if new:
        names = ", ".join(new[:NAMED]) + (" ..." if len(new) > NAMED else "")
        logger.info(
            "%s: %s",
            figures.counted(len(new), "new tag"),
            names,
            extra={"event": "versions", "count": len(new)},
        )
    for tag in (tag for tag in moved[:MOVED_SHOWN] if tag not in before["moved"]):
        logger.warning(
            "the tag %s was moved upstream; the registry keeps the first one. A changed prompt needs a "
            "new version",
            tag["tag"],
            extra={"event": "tag.moved", **tag},
        )
    if len(moved) > max(MOVED_SHOWN, before["moved_count"]):
        logger.warning(
            "%d tags were moved upstream; the first %d are named",
            *(len(moved), MOVED_SHOWN),
            extra={"event": "tags.moved", "count": len(moved)},
        )
