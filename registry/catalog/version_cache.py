"""A cache of the versions read last."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.catalog.version import Version

KEPT_VERSIONS = 2000  # read in full; a registry serves some hundreds at a time
KEPT_BYTES = 32 << 20  # of their files; a parsed file takes a few times as much


class VersionCache:
    """Versions by name and version, bounded by count and bytes; any thread may use it."""

    def __init__(self) -> None:
        self._versions: OrderedDict[tuple[str, str], Version] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: tuple[str, str]) -> Version | None:
        """Return the version, if it is still cached."""
        with self._lock:
            if key in self._versions:
                self._versions.move_to_end(key)
            return self._versions.get(key)

    def put(self, key: tuple[str, str], version: Version) -> None:
        """Add a version; the least recently used ones make room."""
        with self._lock:
            self._bytes += _size(version) - _size(self._versions.pop(key, None))
            self._versions[key] = version
            while len(self._versions) > KEPT_VERSIONS or self._bytes > KEPT_BYTES:
                self._bytes -= _size(self._versions.popitem(last=False)[1])


def _size(version: Version | None) -> int:
    return len(version.content or b"") if version else 0
