"""The state of a catalog in one look: what became of each tag that was pushed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from heapq import nlargest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from registry.catalog.version import Version

INVALID_SHOWN = 20  # the versions that somebody may be looking for

Json = dict[str, Any]


def count(versions: Iterable[Version | None]) -> dict[str, int]:
    """How many versions are valid, invalid and unread; None is one that nobody has read."""
    counts = Counter(version.status if version else "unread" for version in versions)
    return {status: counts[status] for status in ("valid", "invalid", "unread")}


def overview(prompts: int, versions: Collection[Version | None], report: Json) -> Json:
    """What ``/v1/catalog`` shows.

    Args:
        prompts: how many there are.
        versions: all versions of all of them; None is one that nobody has read.
        report: that of the mirror's last look.
    """
    return {
        "synced_at": report["synced_at"],
        "error": report["error"],
        "prompts": prompts,
        "versions": len(versions),
        "ignored": report["ignored"],
        "moved": report["moved"],
        "moved_count": report["moved_count"],
        "failed": [
            {"tag": tag, "error": entry["error"], "retry_at": _time(entry["until"])}
            for tag, entry in report["failed"].items()
        ],
        "invalid": _invalid(versions),
        "unread": count(versions)["unread"],
    }


def _invalid(versions: Iterable[Version | None]) -> Json:
    """How many versions cannot be served, and what is wrong with those that were tagged last."""
    bad = [version for version in versions if version and version.status == "invalid"]
    shown = nlargest(INVALID_SHOWN, bad, key=_tagged_at)
    return {
        "count": len(bad),
        "sample": [{"name": v.name, "version": v.version, "problem": v.problem} for v in shown],
    }


def _tagged_at(version: Version) -> datetime:
    return datetime.fromisoformat(version.tagged_at or _time(0))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
