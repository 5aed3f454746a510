"""Retry a change until it is in the journal, or refused.

In a shared journal another registry may be faster. Then the state has changed too, so the change is decided
again; never if an attempt that seemed to fail is in the journal after all.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import RegistryError, Unavailable
from registry.journal.change import ASKING
from registry.journal.journal import InDoubt

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.journal.reader import Entry
    from registry.replication.replica import Replica

OVERTAKEN = 2  # attempts; then the others are asked for a turn
TRIES = 8  # attempts of a change, if another registry is faster each time
CHANGE_SECONDS = 20.0  # after which no attempt starts; each has its own deadlines
JITTER_SECONDS = 0.005  # at most, between attempts: separates two in step; a longer one is overtaken again


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A change in the journal.

    Attributes:
        entry: the change.
        applied: false while Redis does not have it yet.
        passed_over: if ``latest`` was requested: the invalid versions that would be it, as
            `Catalog.passed_over` has them.
    """

    entry: Entry
    applied: bool
    passed_over: tuple[dict[str, Any], ...] = ()

    @property
    def awaits_approval(self) -> bool:
        """Whether it is only a request, which another token has to approve."""
        return self.entry.change.op.startswith(ASKING)

    def to_json(self) -> dict[str, Any]:
        """Return the API's answer; a change of a token has no state."""
        made = self.entry.change
        answer = {
            "epoch": made.epoch,
            "seq": made.seq,
            "commit": self.entry.commit,
            "applied": self.applied,
        }
        over = {"passed_over": self.passed_over} if self.passed_over else {}
        return answer | ({"state": made.state.model_dump(mode="json")} if made.state else {}) | over


def commit_with_retry(replica: Replica, decide: Callable[[int], Entry]) -> Acknowledged:
    """Decide on the newest state, commit the change, and publish it.

    Args:
        replica: to decide on and write with.
        decide: gets the lock's descriptor for `Replica.write`, and returns the entry that this wrote, or the
            one written for the same request before. Its exceptions pass through.

    Raises:
        Unavailable: the journal cannot be written, or other registries were faster each time (`busy`).
    """
    with replica.turns() as await_turn:
        entry = _commit(replica, decide, await_turn)
    return Acknowledged(entry, replica.apply())


def _commit(replica: Replica, decide: Callable[[int], Entry], await_turn: Callable[[bool], None]) -> Entry:
    tried: list[InDoubt] = []
    sure = replica.is_sure  # if not, the first attempt saves a fetch: it is only taken if nothing is new
    began = time.perf_counter()
    while True:
        looked = not tried
        await_turn(len(tried) >= OVERTAKEN)
        try:
            with replica.writing(sure=sure) as lock:
                looked = True
                return _find(replica, tried, began) or decide(lock)
        except InDoubt as unsettled:
            tried.append(unsettled)
            time.sleep(random.uniform(0, JITTER_SECONDS))  # noqa: S311 - no secret
        except RegistryError as error:
            if not looked and isinstance(error, Unavailable):
                raise _unknown(error) from error
            if sure:
                raise
        sure = True  # a refusal, too, must be decided on the newest state


def _find(replica: Replica, tried: list[InDoubt], began: float) -> Entry | None:
    """Return the attempt that succeeded. Raises Unavailable if none did, and no further one is allowed."""
    for entry in (one.entry for one in tried):
        if replica.holds(entry):
            replica.notify(entry.change, began)
            return entry
    if tried and tried[-1].refusal and tried[-1].entry.change.position == replica.next_position():
        raise tried[-1].refusal
    if len(tried) >= TRIES or time.perf_counter() - began > CHANGE_SECONDS:
        raise Unavailable("other registries keep writing; try again", code="busy")
    return None


def _unknown(error: Unavailable) -> Unavailable:
    return Unavailable(
        f"{error.message}. This change was under way, and may have been made: repeat it with the same "
        "Idempotency-Key",
        code=error.code,
    )
