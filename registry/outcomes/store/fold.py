"""The folder: takes the oldest batches out of the inbox, and folds them in one transaction.

A crash after the transaction leaves the batches in the inbox. Their ids, committed with what they changed,
make the second time harmless.
"""

from __future__ import annotations

import logging
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.outcomes.call import DAY_MS
from registry.outcomes.store import erasure, fold_calls, fold_signals, fold_spans, settle
from registry.outcomes.store.folding import Folding, marks, oldest_day
from registry.outcomes.store.series import SeriesTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.outcomes.store.database import Connection, Database
    from registry.outcomes.store.folding import Price
    from registry.outcomes.store.inbox import Batch, Inbox
    from registry.outcomes.store.settle import Due

    Fold = Callable[[Folding, Sequence[Batch]], None]

CALLS, FEEDBACK, SCORES, RESOLUTIONS, ERASURES = "calls", "feedback", "scores", "resolutions", "erasures"
SPANS = "spans"
KINDS: Mapping[str, Fold] = {
    CALLS: fold_calls.fold,
    FEEDBACK: fold_signals.fold,
    SCORES: fold_signals.fold,
    RESOLUTIONS: fold_signals.fold_resolutions,
    ERASURES: erasure.fold,
    SPANS: fold_spans.fold,
}
logger = logging.getLogger(__name__)
LEASE_MS = 2000  # a folder that is gone is replaced after so long; while it works it renews it
FOLD_LEASE, GUARD_LEASE, NOTIFY_LEASE = 1, 2, 3  # the rows: of who folds, judges rollouts, and notifies


class Folder:
    """Folds the batches of one inbox; one process at a time does, whichever holds the lease.

    Args:
        inbox: where the batches wait.
        database: where they go.
        price: prices a call whose sender did not.
        keep: the days that calls are kept.
        holder: this process's name in the lease.
    """

    def __init__(self, inbox: Inbox, database: Database, price: Price, *, keep: int, holder: str) -> None:
        self._inbox = inbox
        self._database = database
        self._price = price
        self._keep = keep
        self._holder = holder
        self._series = SeriesTable()

    def fold(self, now: int) -> int:
        """Fold the oldest batches; return how many: 0, too, while another folder is at work.

        Args:
            now: milliseconds since 1970.

        Raises:
            Unavailable: the database does not answer.
        """
        taken = self._inbox.take()
        try:
            return self._fold_all(taken, now)
        except RegistryError:
            raise
        except Exception:
            logger.exception("Folding %d batches failed; each is folded alone", len(taken))
            return sum(self._fold_alone(each, now) for each in taken)

    def _fold_alone(self, taken: tuple[int, Batch], now: int) -> int:
        """Fold one batch; set it aside if it cannot be folded, so that it does not keep up the others."""
        try:
            return self._fold_all([taken], now)
        except RegistryError:
            raise
        except Exception:
            number, batch = taken
            logger.exception("The batch %s of %s is set aside", batch.batch, batch.kind)
            self._inbox.set_aside(number)
            return 1

    def retry(self, now: int) -> None:
        """Let all that was set aside be tried again. Raises Unavailable.

        Args:
            now: milliseconds since 1970.
        """
        self._inbox.retry(oldest_day(now, self._keep) * DAY_MS)
        self._database.write(lambda connection: settle.retry(connection, now))

    def settle(self, now: int) -> int:
        """Settle traces that are due; return how many: 0, too, while another folder is at work.

        Args:
            now: milliseconds since 1970.

        Raises:
            Unavailable: the database does not answer.
        """
        due = self._database.read(lambda connection: settle.due(connection, now))
        try:
            return self._settle_all(due, now)
        except RegistryError:
            raise
        except Exception:
            logger.exception("Settling %d traces failed; each is settled alone", len(due))
            return sum(self._settle_alone(trace, now) for trace in due)

    def _settle_alone(self, trace: Due, now: int) -> int:
        """Settle one trace; set it aside if it cannot be settled, so that it does not keep up the others."""
        try:
            return self._settle_all([trace], now)
        except RegistryError:
            raise
        except Exception:
            logger.exception("The trace %s is set aside", trace.trace.hex())
            self._database.write(lambda connection: settle.set_aside(connection, trace))
            return 1

    def _settle_all(self, due: Sequence[Due], now: int) -> int:
        def work(connection: Connection) -> bool:
            if not hold_lease(connection, self._holder, now):
                return False
            folding = Folding(connection, self._series, self._price, oldest_day(now, self._keep))
            settle.settle(folding, due)
            folding.flush(now)
            return True

        return len(due) if due and self._change(work) else 0

    def _change(self, work: Callable[[Connection], bool]) -> bool:
        """Run a transaction that may meet new series."""
        done = False
        try:
            done = self._database.write(work)
        finally:
            self._series.settle(committed=done)
        return done

    def _fold_all(self, taken: Sequence[tuple[int, Batch]], now: int) -> int:
        if not taken:
            return 0
        batches = [batch for _, batch in taken]
        if not self._change(lambda connection: self._fold(connection, batches, now)):
            return 0
        self._inbox.remove([number for number, _ in taken])
        return len(taken)

    def _fold(self, connection: Connection, batches: Sequence[Batch], now: int) -> bool:
        if not hold_lease(connection, self._holder, now):
            return False
        names = [batch.batch for batch in batches]
        known = {
            name
            for (name,) in connection.fetch(
                f"select batch from batches where batch in ({marks(names)})",
                names,
            )
        }
        fresh = [batch for batch in batches if batch.batch not in known]
        connection.execute_each(
            "insert into batches (batch, at) values (?, ?)", [(b.batch, now) for b in fresh]
        )
        folding = Folding(connection, self._series, self._price, oldest_day(now, self._keep))
        for kind, group in groupby(fresh, attrgetter("kind")):
            KINDS[kind](folding, list(group))
            folding.flush_series()
        for batch in fresh:
            for name, n in batch.left_out.items():
                folding.left_out[batch.environment, name] += n
        folding.flush(now)
        return True


def hold_lease(
    connection: Connection, holder: str, now: int, lease: int = FOLD_LEASE, lasts: int = LEASE_MS
) -> bool:
    """Take or renew a lease, and lock it until the transaction ends; return False if another one has it.

    One that ends further ahead than a lease lasts was taken by a clock that has been set back since.
    """
    return bool(
        connection.execute(
            "update lease set holder = ?, until = ? where one = ? and (holder = ? or until < ? or until > ?)",
            (holder, now + lasts, lease, holder, now, now + 2 * lasts),
        )
    )
