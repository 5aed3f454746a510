"""The way to one environment of one registry: what waits for it, and how the last attempt went."""

from __future__ import annotations

import json
import logging
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from promptstage import limits
from promptstage._http.registry_errors import Fault
from promptstage._reporting.backlog import Backlog
from promptstage._reporting.batch import MOST, make_batch
from promptstage.clock import uptime

if TYPE_CHECKING:
    from threading import RLock

    from promptstage._calls.content import Redact
    from promptstage._http.transport import Transport
    from promptstage._reporting.backlog import Entry, Kind
    from promptstage._reporting.batch import Batch
    from promptstage.status import ReportsStatus

FORBIDDEN, NOT_FOUND, NOT_ALLOWED = 403, 404, 405
_STOPS = {FORBIDDEN, NOT_FOUND, NOT_ALLOWED}
_REPEATED = {401, 408, 429}  # of the refusals; any other one is of the batch itself
_REFUSALS = range(400, 500)
_logger = logging.getLogger("promptstage")


class Channel:
    """Sends batches to one environment, each until it is answered.

    Attributes:
        backlog: what waits.
        sample: the share of calls whose content the registry asks for.
        is_left: whether its client is gone, so that nothing new comes.
        stopped_by: why the registry takes no reports, if it does not.
    """

    def __init__(self, transport: Transport, environment: str, redact: Redact | None) -> None:
        self._transport = transport
        self._path = f"/v1/environments/{quote(environment, safe='')}/"
        self._redact = redact
        self.is_left = False
        self.reset()

    def reset(self) -> None:
        """At first, and in a forked child: what waits is the parent's to send."""
        self._transport.forget()
        self.backlog = Backlog()
        self.sample = 0.0
        self.stopped_by: Fault | None = None
        self._batch: Batch | None = None
        self._sent = self._refused = self._failures = self._taken = 0
        self._not_before = 0.0
        self._error: str | None = None
        self._refusal = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, and nothing is on its way."""
        return self._batch is None and not self._taken and not self.backlog.count

    def send(self, lock: RLock, *, at_once: bool = False) -> bool:
        """Send what waits, unless it is too early to try again.

        Args:
            lock: holds what others put into the backlog.
            at_once: also if it is, and also what is less than a batch.

        Returns:
            Whether there is more to send right now.
        """
        if not at_once and uptime() < self._not_before:
            return False
        batch = self._batch or self._next(lock)
        if batch is None:
            return False
        try:
            answer = self._transport.post(self._path + batch.kind, batch.body)
        except Fault as fault:
            self._failed(fault, batch, lock)
            return False
        self._batch = None
        self._delivered(batch, answer)
        return self.backlog.count >= limits.BATCH_CALLS or (at_once and self.backlog.count > 0)

    def close(self) -> None:
        """End what is under way, and take nothing more."""
        self.stopped_by = self.stopped_by or Fault("this client is closed", reason="closed")
        self._transport.stop()

    def status(self) -> ReportsStatus:
        """The part of `Client.status` that is about reports."""
        dropped = self.backlog.dropped
        return {
            "state": self._state(),
            "queued": self.backlog.count + (self._batch.length if self._batch else self._taken),
            "bytes": self.backlog.size,
            "sent": self._sent,
            "refused": self._refused,
            "dropped": dropped["calls"] + dropped["feedback"] + dropped["resolutions"],
            "content_dropped": dropped["content"],
            "sample": self.sample,
            "error": str(self.stopped_by) if self.stopped_by else self._error or self._refusal or None,
        }

    def _state(self) -> Any:
        if self.stopped_by:
            return "closed" if self.stopped_by.reason == "closed" else "stopped"
        if self._failures:
            return "backing off"
        return "reporting" if self._sent or self.backlog.count else "idle"

    def _next(self, lock: RLock) -> Batch | None:
        for kind, most in MOST.items():
            with lock:
                entries = self.backlog.take(kind, most)
                self._taken = len(entries)  # whoever looks meanwhile must not find that nothing waits
            if entries:
                return self._written(kind, entries, lock)
        return None

    def _written(self, kind: Kind, entries: list[Entry], lock: RLock) -> Batch | None:
        """Write a batch; what is too much for one waits on."""
        try:
            batch, rest = make_batch(kind, entries, self._redact)
        except Exception:
            self.backlog.dropped[kind] += len(entries)
            self._taken = 0
            raise
        with lock:
            self._batch = batch
            self.backlog.put_back(rest)
            self._taken = 0
        return batch

    def _delivered(self, batch: Batch, answer: bytes) -> None:
        self._failures, self._error = 0, None
        try:
            said = json.loads(answer)
            refused = said.get("refused") or []
            sample = said.get("sample")
        except (ValueError, AttributeError, RecursionError):  # what else answers 200 is no registry
            refused, sample = [], None
        if isinstance(sample, int | float) and 0 <= sample <= 1:
            self.sample = float(sample)
        refused = refused if isinstance(refused, list) else []
        self._sent += batch.length - len(refused)
        self._refused += len(refused)
        if refused and not self._refusal:
            first = refused[0] if isinstance(refused[0], dict) else {}
            self._refusal = str(Fault(f"the registry refuses a record: {first.get('detail')}"))
            _logger.warning("%s", self._refusal)

    def _failed(self, fault: Fault, batch: Batch, lock: RLock) -> None:
        self._error = str(fault)
        if fault.status in _STOPS:
            self._stop(fault, lock)
        elif fault.status in _REFUSALS and fault.status not in _REPEATED:
            self._batch = None
            self.backlog.dropped[batch.kind] += batch.length
            _logger.warning("the registry refuses %d reports: %s", batch.length, fault)
        else:
            longest = min(limits.BACK_OFF_CAP, limits.BACK_OFF_BASE * 2 ** min(self._failures, 16))
            self._failures += 1
            # On top of what the registry asked for, as it may have asked a whole fleet at once.
            wait = (fault.retry_after or 0.0) + random.uniform(0, longest)  # noqa: S311 - spreads a fleet
            self._not_before = uptime() + wait

    def _stop(self, fault: Fault, lock: RLock) -> None:
        """Report no more: the token may not, or the registry does not know how."""
        with lock:
            left, self.backlog = self.backlog, Backlog()
            self.backlog.dropped = left.dropped
            self.backlog.dropped["calls"] += left.count + (self._batch.length if self._batch else 0)
            self._batch, self.stopped_by = None, fault
        _logger.warning(
            "calls are not reported: %s; give the token the capability app, or pass report=False", fault
        )
