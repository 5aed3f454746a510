"""The state of a catalog: the outcome of each pushed tag."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from heapq import nlargest
from typing import TYPE_CHECKING

from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from promptstage.model import Json
    from registry.catalog.version import Version

OTHERS_SHOWN = 20  # tags of other things: enough to see what they are
INVALID_SHOWN = 20  # enough to find a version that was just pushed


def count(versions: Iterable[Version | None]) -> dict[str, int]:
    """Count the valid, invalid and unread versions; None is an unread one."""
    counts = Counter(version.status if version else "unread" for version in versions)
    return {status: counts[status] for status in ("valid", "invalid", "unread")}


def overview(prompts: int, versions: Collection[Version | None], others: Sequence[str], report: Json) -> Json:
    """Build the answer of ``/v1/catalog``.

    Args:
        prompts: how many there are.
        versions: all versions of all of them; None is an unread one.
        others: the tags of names without any prompt's file.
        report: that of the mirror's last sync.
    """
    return {
        "synced_at": report["synced_at"],
        "error": report["error"],
        "prompts": prompts,
        "versions": len(versions),
        "ignored": _ignored(report["ignored"], others),
        "moved": report["moved"],
        "moved_count": report["moved_count"],
        "failed": [
            {"tag": tag, "error": entry["error"], "retry_at": _time(entry["until"])}
            for tag, entry in report["failed"].items()
        ],
        "invalid": _invalid(versions),
        "unread": count(versions)["unread"],
    }


def _ignored(ignored: Json, others: Sequence[str]) -> Json:
    """Summarise the tags that define no version; those of other things are counted, and listed apart."""
    return {
        **ignored,
        "count": ignored["count"] + len(others),
        "other_things": {"count": len(others), "sample": list(others[:OTHERS_SHOWN])},
    }


def _invalid(versions: Iterable[Version | None]) -> Json:
    """Count the versions that cannot be served, and list the problems of the newest tags."""
    bad = [version for version in versions if version and version.status == "invalid"]
    shown = nlargest(INVALID_SHOWN, bad, key=_tagged_at)
    return {
        "count": len(bad),
        "sample": [{"name": v.name, "version": v.version, "problem": v.problem} for v in shown],
    }


def _tagged_at(version: Version) -> datetime:
    return datetime.fromisoformat(version.tagged_at or _time(0))


def _time(seconds: float) -> str:
    return timestamps.rfc3339(datetime.fromtimestamp(seconds, UTC))
