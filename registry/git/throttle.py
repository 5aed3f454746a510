"""Find out when a host that answers 429 or 503 may be asked again, which git does not report.

Git writes the headers of its requests into a file of ours, without contents and with credentials blotted out;
the file is there for one look.
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

LONGEST_SECONDS = 3600.0  # that a host can hold us off: a slip of a digit must not end all looks
TAIL = 1 << 16  # bytes at the file's end; the answer that refused is the last one

_REFUSED = re.compile(r"returned error: (429|503)")
_HEADER = re.compile(rb"<= Recv header: retry-after:[ \t]*([^\r\n]{1,64})", re.IGNORECASE)


class Throttle:
    """The time that a host set for the next request, of one mirror; hold the mirror's lock."""

    def __init__(self, file: Path, upstream: Remote) -> None:
        """Touch nothing yet."""
        self._file = file
        traced = upstream.scheme in {"http", "https"}
        self.environment: Mapping[str, str] = (
            {"GIT_TRACE_CURL": str(file.absolute()), "GIT_TRACE_CURL_NO_DATA": "1"} if traced else {}
        )

    def clear(self) -> None:
        """Forget what was said before."""
        self._file.unlink(missing_ok=True)

    def until(self, error: GitFailed) -> float | None:
        """The time at which to ask again after a failure; None: the host did not say."""
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
    """Whether a host is not to be asked yet; not so for a time that a clock that was set back makes far."""
    return until is not None and 0 < until - time.time() <= LONGEST_SECONDS


def _seconds(value: str) -> float | None:
    """Seconds, or a date."""
    if value.isdecimal() and value.isascii():
        return float(value)
    with suppress(ValueError, TypeError, OverflowError):
        return parsedate_to_datetime(value).timestamp() - time.time()
    return None
