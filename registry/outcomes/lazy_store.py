"""The store of one registry, opened when it is first needed, and the folder's process, started with it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING

from registry.errors import RegistryError, Unavailable
from registry.outcomes import identity
from registry.outcomes.call import DAY_MS
from registry.outcomes.entry import Entries
from registry.outcomes.keeper import Keeper
from registry.outcomes.store.database import CODE
from registry.outcomes.store.opening import FOLDER, Store, is_there, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.outcomes.store.inbox import Batch

OFF = (
    "calls are not taken in: registries on several machines share a journal, and each would count a part of "
    "them; set PROMPTSTAGE_DATABASE_URL to a PostgreSQL database that they share, too"
)
SLOW = "the database of outcomes is slow to answer; see that it runs and can be reached"
OPENING_SECONDS = 3.0  # that a request waits while another one opens it: callers give up after five
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What outcomes are told at their start.

    Attributes:
        data: the data folder.
        url: of PostgreSQL; empty: SQLite in the data folder.
        keep: days that calls are kept.
        is_shared: whether registries on other machines have the same journal.
        exists: whether a prompt exists, or a version of it.
        sample: the share of an environment's calls whose content the operator asks for.
        prices: the operator's file, if there is one.
        log_format, failpoints: of the folder's process.
    """

    data: Path
    url: str
    keep: int
    is_shared: bool
    exists: Callable[[str, str | None], bool]
    sample: Callable[[str], float]
    prices: Path | None = None
    log_format: str = "text"
    failpoints: Path | None = None


class LazyStore:
    """The store; any thread may use it.

    Attributes:
        keeper: of the folder's process.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._opening = Lock()
        self._opened: tuple[Store, Entries, bytes] | None = None
        given = {
            "data": str(options.data.absolute()),
            "url": options.url,
            "keep": options.keep,
            "prices": str(options.prices.absolute()) if options.prices else "",
            "log_format": options.log_format,
            "failpoints": str(options.failpoints or ""),
        }
        self.keeper = Keeper(options.data / FOLDER, given)

    @property
    def is_off(self) -> bool:
        """Whether nothing is taken in, as each of several registries would count a part."""
        return self._options.is_shared and not self._options.url

    @property
    def is_there(self) -> bool:
        """Whether there may be calls: where none was ever reported, nothing is opened."""
        return not self.is_off and (bool(self._options.url) or is_there(self._options.data))

    def resume(self) -> None:
        """Fold what waits since before, in the background; without any reports nothing is opened."""
        if self.is_off:
            logger.warning("%s", OFF[0].upper() + OFF[1:], extra={"event": "outcomes_off"})
        elif self.is_there:
            Thread(target=self._resume, name="promptstage-outcomes", daemon=True).start()

    def close(self) -> None:
        """End the folder's process, and close the connections."""
        self.keeper.stop()
        if self._opened:
            self._opened[0].close()

    def open(self) -> Store:
        """Return the store. Raises Unavailable."""
        return self._open()[0]

    def entries(self) -> Entries:
        """Return what makes entries of calls. Raises Unavailable."""
        return self._open()[1]

    def key(self) -> bytes:
        """Return the registry's key for identities. Raises Unavailable."""
        return self._open()[2]

    def mask(self, kind: str, digits: str) -> int:
        """Return what is kept of an identity. Raises Unavailable."""
        return identity.masked(self.key(), kind, digits)

    def append(self, batch: Batch) -> None:
        """Put a batch into the inbox, durably, if there is anything in it. Raises Unavailable."""
        if batch.entries or any(batch.left_out.values()):
            self.open().inbox.append(batch)
            self.keeper.start()

    def _open(self) -> tuple[Store, Entries, bytes]:
        if self.is_off:
            raise Unavailable(OFF, code="outcomes_off")
        if self._opened is None:
            if not self._opening.acquire(timeout=OPENING_SECONDS):
                raise Unavailable(SLOW, code=CODE)
            try:
                self._opened = self._opened or self._made()
            finally:
                self._opening.release()
        return self._opened

    def _made(self) -> tuple[Store, Entries, bytes]:
        store = open_store(self._options.url, self._options.data)
        key = bytes.fromhex(store.secret("identity", os.urandom(identity.BYTES).hex()))
        return store, Entries(key, self._options.exists, self._options.keep * DAY_MS), key

    def _resume(self) -> None:
        try:
            if self.open().inbox.depth():
                self.keeper.start()
        except RegistryError as error:
            logger.warning("What is reported of calls cannot be read: %s", error.message)
