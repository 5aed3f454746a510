"""The state of the registry as a client sees it: whether it answers, and accepts the token."""

from __future__ import annotations

import logging
from collections import Counter
from threading import RLock
from typing import TYPE_CHECKING

from promptstage import limits
from promptstage.clock import uptime
from promptstage.status import now

if TYPE_CHECKING:
    from promptstage._http.registry_errors import Fault
    from promptstage.errors import PromptUnavailable
    from promptstage.status import HealthStatus, LastError

_logger = logging.getLogger("promptstage")


class Health:
    """The last fault, the one breaker of all first fetches, and the counts.

    Attributes:
        counts: what happened how often.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(
            random_keys=0,
            fallbacks=0,
            first_fetches=0,
            streams_opened=0,
            names_let_go=0,
            releases_ignored=0,
            pins_ignored=0,
            odd_responses=0,
            contents_left_out=0,
            unlogged_calls=0,
        )
        self._last: LastError | None = None
        self._refused: Fault | None = None
        self._refusal_logged = False
        self._lost = False
        self._fell_back: set[str] = set()
        self._ignored: set[str] = set()
        self._breaker: Fault | None = None
        self._closes_at = 0.0
        self.reset()

    def reset(self) -> None:
        """In a forked child: the parent's lock may be held by a thread that is not here."""
        self._lock = RLock()

    @property
    def breaker(self) -> Fault | None:
        """What opened the breaker, while it is open."""
        return self._breaker if uptime() < self._closes_at else None

    def count(self, what: str) -> None:
        """Add one."""
        with self._lock:
            self.counts[what] += 1

    def note(self, fault: Fault) -> None:
        """Remember a fault. A refused token is worth one line in the log, and not one each attempt."""
        self._last = {"error": str(fault), "at": now()}
        if fault.reason != "unauthorized":
            return
        self._refused = fault
        if not self._refusal_logged:
            self._refusal_logged = True
            _logger.error(
                "the registry refuses this client: %s; check token= or PROMPTSTAGE_TOKEN. "
                "Until then get goes on with what is held",
                fault,
            )

    def open(self, fault: Fault) -> None:
        """Let first fetches fail at once for a while."""
        self.note(fault)
        self._breaker = fault
        self._closes_at = uptime() + max(limits.BREAKER_PAUSE, fault.retry_after or 0.0)

    def lost(self, fault: Fault, instead: str) -> None:
        """Say that the registry cannot be reached, and what happens instead: once, until it answers again."""
        if not self._lost and fault.reason != "unauthorized":  # that was said
            self._lost = True
            _logger.warning("the registry cannot be reached (%s); %s", fault, instead)

    def answered(self) -> None:
        """The registry answers."""
        self._breaker = self._refused = None
        if self._lost:
            self._lost = False
            _logger.info("the registry answers again")

    def accepted(self) -> None:
        """It opened a stream, so the token is good: if it ever is refused again, that is news."""
        self._refusal_logged = False
        self.answered()

    def fell_back(self, error: PromptUnavailable) -> None:
        """Count a fallback, and say so once for a name."""
        self.count("fallbacks")
        if error.name not in self._fell_back and len(self._fell_back) < limits.UNRELEASED_NAMES:
            self._fell_back.add(error.name)
            _logger.warning("the fallback is served: %s", error)

    def ignored(self, name: str, why: str) -> None:
        """Say that what came of a name is ignored. Of those that are alike one is told of, and the count."""
        self.count("releases_ignored")
        if why not in self._ignored and len(self._ignored) < limits.UNRELEASED_NAMES:
            self._ignored.add(why)
            _logger.warning("a release of %s is ignored: %s", name, why)

    def let_go(self, name: str) -> None:
        """Count a name that is followed no more, and say so once."""
        self.count("names_let_go")
        if self.counts["names_let_go"] == 1:
            _logger.warning(
                "more than %d names without a release were asked for; the oldest, such as %s, are not "
                "followed any more; are names made out of user input?",
                limits.UNRELEASED_NAMES,
                name,
            )

    def status(self) -> HealthStatus:
        """The part of `Client.status` that is about the registry."""
        fault = self.breaker
        return {
            "breaker": {"open": fault is not None, "error": str(fault) if fault else None},
            "auth_error": str(self._refused) if self._refused else None,
            "last_error": self._last,
            "counts": dict(self.counts),
        }
