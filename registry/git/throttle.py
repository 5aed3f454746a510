"""Find when to retry a host that refuses for now (429, 503), by the Retry-After that git does not report.

Git traces the headers of its requests into a file of ours, without contents and with credentials redacted;
the file lasts for one fetch.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry.errors import GitFailed
    from registry.git.remote import Remote

LONGEST_SECONDS = 3600.0  # the most that a host can delay us: a mistyped digit must not end all syncs
TAIL = 1 << 16  # bytes at the file's end; the refusal is the last answer

_REFUSED = re.compile(r"returned error: (429|503)")
_HEADER = re.compile(rb"<= Recv header: retry-after:[ \t]*([^\r\n]{1,64})", re.IGNORECASE)


class Throttle:
    """The Retry-After of one mirror's host; the mirror's lock must be held."""

    def __init__(self, file: Path, upstream: Remote) -> None:
        """Prepare; nothing is read yet."""
        self._file = file
        traced = upstream.scheme in {"http", "https"}
        self.environment: Mapping[str, str] = (
            {"GIT_TRACE_CURL": str(file.absolute()), "GIT_TRACE_CURL_NO_DATA": "1"} if traced else {}
        )

    def clear(self) -> None:
        """Remove the trace of earlier requests."""
        self._file.unlink(missing_ok=True)

    def until(self, error: GitFailed) -> float | None:
        """Return the time at which to retry after a failure; None: the host gave none."""
        if not _REFUSED.search(error.words):
            return None
        found = _HEADER.findall(self._tail())
        seconds = _seconds(found[-1].decode("latin-1").strip()) if found else None
        return None if seconds is None else time.time() + min(max(0.0, seconds), LONGEST_SECONDS)

    def _tail(self) -> bytes:
        with suppress(FileNotFoundError), self._file.open("rb") as file:
            file.seek(max(0, self._file.stat().st_size - TAIL))
            return file.read(TAIL)
        return b""


def is_held_off(until: float | None) -> bool:
    """Return whether a host must not be asked yet; a time made distant by a clock set back does not count."""
    return until is not None and 0 < until - time.time() <= LONGEST_SECONDS


def _seconds(value: str) -> float | None:
    """Parse a Retry-After value: seconds, or a date."""
    if value.isdecimal() and value.isascii():
        return float(value)
    with suppress(ValueError, TypeError, OverflowError):
        return parsedate_to_datetime(value).timestamp() - time.time()
    return None
