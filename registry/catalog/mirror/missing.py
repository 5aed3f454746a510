"""Objects found missing from the mirror, to fetch again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from registry.errors import GitFailed
from registry.git.diagnosis import is_blameless

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.errors import ObjectMissing

RETRY_SECONDS = 300.0  # before an object that could not be fetched is tried again
MOST = 1000  # objects requested per sync; the others by the next
FAILURES = 20  # per sync, each of an object requested alone

_ON_ITS_WAY = "the mirror lost it, and fetches it again; try again in a moment"


class MissingObjects:
    """The missing objects of one process; any thread may note one.

    Attributes:
        found: how often objects were fetched, a value that changes when there is more to read.
    """

    def __init__(self) -> None:
        self.found = 0
        self._missing: dict[str, float] = {}  # id -> when to fetch it, by the monotonic clock
        self._errors: dict[str, str] = {}

    def now(self) -> list[str]:
        """Return the objects to fetch now."""
        moment = time.monotonic()
        return [oid for oid, due in self._missing.copy().items() if due <= moment][:MOST]

    def note(self, error: ObjectMissing) -> GitFailed:
        """Note that an object is missing; return the error to report."""
        self._missing.setdefault(error.oid, 0.0)
        if reason := self._errors.get(error.oid):
            message = f"{error.message}, and the repository does not give it: {reason}. Push it there again"
            return GitFailed(message)
        return GitFailed(f"{error.message}: {_ON_ITS_WAY}", code="being_fetched")

    def bring(self, fetch: Callable[[Sequence[str]], object]) -> None:
        """Fetch what is due: all at once, or one by one if that fails. Raises GitFailed (unreachable)."""
        oids = self.now()
        if not oids:
            return
        try:
            fetch(oids)
            self._let_go(oids)
        except GitFailed as error:
            if is_blameless(error):
                raise
            for oid in oids[:FAILURES]:
                self._bring_one(oid, fetch)

    def _bring_one(self, oid: str, fetch: Callable[[Sequence[str]], object]) -> None:
        try:
            fetch([oid])
            self._let_go([oid])
        except GitFailed as error:
            if is_blameless(error):
                raise
            self._errors[oid] = error.message
            self._missing[oid] = time.monotonic() + RETRY_SECONDS

    def _let_go(self, oids: Sequence[str]) -> None:
        self.found += 1
        for oid in oids:
            self._missing.pop(oid, None)
            self._errors.pop(oid, None)
