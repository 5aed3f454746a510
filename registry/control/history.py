"""Query the history: the changes of an environment, and the state at a time."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from registry.errors import NotFound, RegistryError, Unavailable
from registry.journal.history_index import HistoryIndex, Query
from registry.rollouts import release
from registry.system import work

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from promptstage.model import Release
    from registry.journal.journal import Journal
    from registry.replication.documents import Documents
    from registry.replication.replica import Replica
    from registry.rollouts.state import State

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # between checks for changes to index; a check compares two numbers
INDEX_SECONDS = 5.0  # for a request before the index is complete: some 30,000 changes


class History:
    """The history of one data folder's journal; any thread may use it.

    A thread keeps the index up to date, so that no request indexes more than the last second's changes.
    """

    def __init__(self, folder: Path, journal: Journal, replica: Replica, documents: Documents) -> None:
        """Prepare; no thread is started yet."""
        self._index = HistoryIndex(folder)
        self._journal = journal
        self._documents = documents
        self._replica = replica
        self._indexed = 0  # changes of the journal as this process knows it
        self._newest = ""  # the commit of the last of them
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="promptstage-history", daemon=True)

    def start(self) -> None:
        """Start the thread that indexes."""
        self._thread.start()

    def stop(self) -> None:
        """End it after the current batch."""
        self._stopped.set()
        self._thread.join()
        self._index.close()

    def page(self, query: Query) -> tuple[list[dict[str, Any]], int | None]:
        """Return a page of changes in the API's form, and where the next page begins, if there is one.

        Raises:
            Unavailable: the journal cannot be read, or its index is not ready (`busy`).
        """
        self._bring_up()
        rows = self._index.find(replace(query, limit=query.limit + 1), self._indexed)
        page = rows[: query.limit]
        return [row.shown for row in page], page[-1].seq if len(rows) > query.limit else None

    def state_at(self, environment: str, prompt: str, moment: datetime) -> State:
        """Return the state of a prompt at a time. Raises NotFound if nothing was in force, Unavailable."""
        self._bring_up()
        found = self._index.find(Query(environment=environment, prompt=prompt, until=moment), self._indexed)
        state = self._journal.entry(found[0].commit).change.state if found else None
        if state is None:
            raise _no_release(environment, prompt)
        return state

    def release_at(self, environment: str, prompt: str, moment: datetime) -> Release:
        """Return the release of a prompt at a time; raises as `state_at` does."""
        made = release.build(self.state_at(environment, prompt, moment), self._documents.load)
        if made is None:
            raise _no_release(environment, prompt)
        return made

    def _bring_up(self) -> None:
        """Index the journal's new changes. Raises Unavailable."""
        self._replica.follow_announced()
        deadline = time.monotonic() + INDEX_SECONDS
        while self._is_behind():
            work.check()
            self._add()
            if self._is_behind() and time.monotonic() > deadline:
                raise Unavailable(
                    f"{self._indexed} of {len(self._replica.commits)} changes are indexed; try again in a "
                    "moment",
                    code="busy",
                )

    def _is_behind(self) -> bool:
        return self._replica.commits[-1:] not in ([], [self._newest])

    def _add(self) -> None:
        commits = self._replica.commits
        self._indexed = min(self._index.add(commits, self._journal.changes), len(commits))
        self._newest = commits[self._indexed - 1]

    def _run(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            try:
                while self._is_behind() and not self._stopped.is_set():
                    self._add()
            except RegistryError:
                continue  # the journal cannot be read, which is reported elsewhere, or another process writes
            except Exception:  # any error: the next round may succeed
                logger.exception("the history could not be indexed; it is tried again")


def _no_release(environment: str, prompt: str) -> NotFound:
    return NotFound(f"{prompt} had no release in {environment} at that time", code="no_release")
