"""Keep the journal's mirror up to date, in a thread that no change waits for."""

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

LOOK_SECONDS = 1.0  # between looks whether there is a change that is not there; a look is one question to git
PUSH_SECONDS = 120.0  # a push takes less than a second; a line that hangs must not be waited for all day
DOUBLINGS = 6  # of the pause after failures: 2 s, 4 s, ... a minute
BACKOFF_SECONDS = 60.0  # the longest pause after failures
GRACE_SECONDS = 2.0  # for a push under way when the registry stops: most are over by then

logger = logging.getLogger(__name__)


class MirrorWorker:
    """Pushes after changes. Every process of a data folder has one of these; a lock lets one push at a time.

    A push that outlives its registry holds the lock too, so there are never two.
    """

    def __init__(self, folder: Path, credentials: Credentials, replica: Replica) -> None:
        """Start nothing yet."""
        self._folder = folder
        self._credentials = credentials
        self._replica = replica
        self._stopped = Event()
        self._pushing: Git | None = None
        self._starting = Lock()
        self._looked = (
            False  # whether the mirror was asked since the start: it tells an old copy from the newest
        )
        self._thread = Thread(target=self._run, name="promptstage-mirror", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a push that takes longer than a moment ends with it."""
        self._stopped.set()
        self._thread.join(GRACE_SECONDS)
        with self._starting:
            if self._pushing:
                self._pushing.close()
        self._thread.join(GRACE_SECONDS)

    def lag(self) -> Lag | None:
        """How far the mirror is behind what this process knows; None: there is none."""
        replica = self._replica
        return mirror.lag(self._folder, replica.read_model.head, lambda seq: replica.entry(seq).change.at)

    def _run(self) -> None:
        with closing(Git(self._folder / REPOSITORY)) as git:
            while not self._stopped.wait(LOOK_SECONDS):
                try:
                    url = mirror.remembered(self._folder)
                    if url is not None and self._is_due(git, known := mirror.status(self._folder, url)):
                        self._push(url, known.error)
                except RegistryError:
                    continue  # another process pushes, or the journal cannot be read, which others tell
                except Exception:  # whatever it is, the next round may do better
                    logger.exception("the journal could not be mirrored; it is tried again")

    def _is_due(self, git: Git, known: Status) -> bool:
        """Whether there is something to push, or a push failed, and it is time."""
        if known.error:
            pause = min(LOOK_SECONDS * 2 ** min(known.failures, DOUBLINGS), BACKOFF_SECONDS)
            return not 0 <= (timestamps.now() - known.tried_at).total_seconds() < pause
        return not self._looked or known.commit != tree.oid(git, BRANCH)

    def _push(self, url: str, trouble: str | None) -> None:
        """Push; `trouble` is that of the push before, whichever process made it: each is logged once."""
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
        if error.message != trouble or not self._looked:  # each process says so at its start
            logger.warning("the journal is not mirrored: %s", error.message, extra={"event": "mirror.failed"})
