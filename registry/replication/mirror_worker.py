"""The thread that keeps the journal's mirror up to date; no request waits for it."""

from __future__ import annotations

import logging
from contextlib import closing
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.git.command import Git
from registry.git.remote import Remote
from registry.journal import tree
from registry.journal.directory import REPOSITORY
from registry.journal.fast_import import BRANCH
from registry.journal.maintenance import mirror
from registry.system import timestamps
from registry.system.locks import locked

if TYPE_CHECKING:
    from pathlib import Path

    from registry.git.remote import Credentials
    from registry.journal.maintenance.mirror import Lag, Status
    from registry.replication.replica import Replica

POLL_SECONDS = 1.0  # between checks for a change that the mirror lacks; a check is one request to git
PUSH_SECONDS = 120.0  # a push takes less than a second; a hanging connection must not block for long
DOUBLINGS = 6  # of the pause after failures: 2 s, 4 s, ... a minute
BACKOFF_SECONDS = 60.0  # the longest pause after failures
GRACE_SECONDS = 2.0  # for a running push when the registry stops: most are over by then

logger = logging.getLogger(__name__)


class MirrorWorker:
    """Pushes after changes. Every process of a data folder has one; a lock allows one push at a time.

    A push that outlives its registry keeps the lock, so there are never two.
    """

    def __init__(self, folder: Path, credentials: Credentials, replica: Replica) -> None:
        """Prepare; no thread is started yet."""
        self._folder = folder
        self._credentials = credentials
        self._replica = replica
        self._stopped = Event()
        self._pushing: Git | None = None
        self._starting = Lock()
        self._looked = (
            False  # whether the mirror was contacted since the start, which detects an old copy here
        )
        self._thread = Thread(target=self._run, name="promptstage-mirror", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a push that does not end within `GRACE_SECONDS` is killed."""
        self._stopped.set()
        self._thread.join(GRACE_SECONDS)
        with self._starting:
            if self._pushing:
                self._pushing.close()
        self._thread.join(GRACE_SECONDS)

    def lag(self) -> Lag | None:
        """Return the mirror's lag behind this process; None: there is no mirror."""
        replica = self._replica
        return mirror.lag(self._folder, replica.read_model.head, lambda seq: replica.entry(seq).change.at)

    def _run(self) -> None:
        with closing(Git(self._folder / REPOSITORY)) as git:
            while not self._stopped.wait(POLL_SECONDS):
                try:
                    url = mirror.remembered(self._folder)
                    if url is not None and self._is_due(git, known := mirror.status(self._folder, url)):
                        self._push(url, known.error)
                except RegistryError:
                    continue  # another process pushes, or the journal is unreadable, as others report
                except Exception:  # any error: the next round may succeed
                    logger.exception("the journal could not be mirrored; it is tried again")

    def _is_due(self, git: Git, known: Status) -> bool:
        """Return whether there is something to push, or a failed push is due again."""
        if known.error:
            pause = min(POLL_SECONDS * 2 ** min(known.failures, DOUBLINGS), BACKOFF_SECONDS)
            return not 0 <= (timestamps.now() - known.tried_at).total_seconds() < pause
        return not self._looked or known.commit != tree.oid(git, BRANCH)

    def _push(self, url: str, trouble: str | None) -> None:
        """Push; `trouble` is the previous push's error, of any process, so that each error is logged once."""
        upstream = Remote(url, self._credentials)
        with (
            locked(self._folder / mirror.LOCK, wait=0) as lock,
            closing(Git(self._folder / REPOSITORY, config=upstream.config())) as git,
        ):
            with self._starting:
                if self._stopped.is_set():
                    return
                self._pushing = git
            try:
                mirror.push_with(git, self._folder, upstream, lock, timeout=PUSH_SECONDS)
            except RegistryError as error:
                if not self._stopped.is_set():
                    self._failed(url, error, trouble)
            else:
                if trouble:
                    logger.info("the journal is mirrored again", extra={"event": "mirror.mended"})
            finally:
                self._looked = True
                with self._starting:
                    self._pushing = None

    def _failed(self, url: str, error: RegistryError, trouble: str | None) -> None:
        mirror.note_failure(self._folder, url, error)
        if error.message != trouble or not self._looked:  # each process logs it at its start
            logger.warning("the journal is not mirrored: %s", error.message, extra={"event": "mirror.failed"})
