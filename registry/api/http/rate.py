"""Count the records that each token sends, so that none can fill the inbox alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock

from registry.errors import Unavailable

RECORDS_A_SECOND = 2000  # of a token, in this process
BURST_SECONDS = 2  # that a token may save up
FULL = RECORDS_A_SECOND * BURST_SECONDS
MAX_TOKENS = 10_000  # whose records are counted


@dataclass(slots=True)
class Rate:
    """How many records a token may still send; any thread may use it."""

    _saved: dict[str, tuple[float, float]] = field(default_factory=dict)  # records and when, by a token's id
    _lock: Lock = field(default_factory=Lock)

    def take(self, token: str, records: int) -> None:
        """Count records; more than may be saved up are taken from a full store, and paid back.

        Raises:
            Unavailable: there are too many (`too_fast`).
        """
        now = time.monotonic()
        with self._lock:
            saved, since = self._saved.get(token, (FULL, now))
            saved = min(saved + (now - since) * RECORDS_A_SECOND, FULL)
            if saved < min(records, FULL):
                raise Unavailable(
                    f"a token may send {RECORDS_A_SECOND} records a second; send these again in a second",
                    code="too_fast",
                )
            if token not in self._saved and len(self._saved) >= MAX_TOKENS:
                self._saved.clear()  # each of them may send at once, as if it were new
            self._saved[token] = saved - records, now
