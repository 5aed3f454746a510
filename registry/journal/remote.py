"""A journal that registries on several machines share: a bare repository, of which each has a copy.

A change is decided on the shared journal's newest commit, committed here under a private ref, and pushed
with a lease on exactly that commit: so it is taken only if nothing was written meanwhile, and nothing there
can ever be dropped. **A change is acknowledged once the shared repository has taken it**; then the copy
follows. A failed push proves nothing: the next fetch shows, by the commit's id, whether it was taken.

The copy only moves forward. If the shared repository lacks some of its changes, that one was rolled back,
or is another journal's: nothing is written, and nothing is repaired silently. If it cannot be reached,
nothing is written either; reads go on from the copy, and from Redis.

Durability after a push is up to the shared repository. For a path we have git fsync it, as here; a repository
host has its own rules. Besides, every registry has the whole journal.
"""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from registry.errors import GitFailed, Unavailable
from registry.git.command import Git
from registry.git.diagnosis import explain
from registry.git.remote import Remote
from registry.journal import tree
from registry.journal.directory import check_there, command, write_marker
from registry.journal.fast_import import BRANCH, PROPOSED, Folders
from registry.journal.journal import DURABLE, InDoubt, Journal
from registry.journal.position import is_newer
from registry.rollouts.position import NOWHERE, Position
from registry.system import failpoints
from registry.system.formats import NEWER

if TYPE_CHECKING:
    from registry.git.remote import Credentials
    from registry.journal.reader import Entry

POLL_SECONDS = 10.0  # between fetches while Redis announces changes; they find those that it missed
ALONE_SECONDS = 2.0  # between fetches without announcements
WANTED_SECONDS = 1.0  # the same if a request waits; unknown tokens can cause no more than that
RETRY_SECONDS = 1.0  # after a failure, at least
PAUSES = 2.0  # times the duration of the failure: a hanging connection is tried for a third of the time
FETCH_SECONDS = 5.0  # for some changes over a slow connection; the usual is a tenth of a second
TURN_SECONDS = 0.5  # after a change: one writing repeatedly fetches first, so that others get their turn
PUSH_SECONDS = 10.0  # for one change; a host may run checks of its own before it takes it
JOIN_SECONDS = 900.0  # for a whole journal, once: a gigabyte over a slow connection
SEEN = "refs/promptstage/seen"  # the shared head, if the copy cannot follow it
_NOTHING_THERE = "find remote ref"
_NO_SUCCESSOR = "[rejected]"
_OVERTAKEN = re.compile(
    "stale info|fetch first|lock ref|failed to update ref|incorrect old value|Unable to create"
)
_DURABLY = "--receive-pack=git -c core.fsync=all -c core.fsyncMethod=fsync receive-pack"


class RemoteJournal(Journal):
    """The copy in one data folder, and the connection to the shared journal."""

    sure = False
    _ref = PROPOSED

    def __init__(
        self, folder: Path, address: str, credentials: Credentials, *, notified: bool = True
    ) -> None:
        """Prepare; nothing is contacted yet.

        Args:
            folder: the data folder.
            address: the shared journal: a bare repository, a path or a URL.
            credentials: those of the shared repository.
            notified: whether a shared Redis announces the changes of others.
        """
        super().__init__(folder)
        self._remote = Remote(address, credentials)
        self._place = Path(self._remote.address.removeprefix("file://")) if self._remote.local else None
        self._line = Git(self._repository, config=(*DURABLE, *self._remote.config()))
        self.notified = notified
        self._next_fetch = 0.0  # monotonic, like the next one
        self._wrote = 0.0
        self._announced = NOWHERE  # the announced change that caused the last fetch
        self._there = Folders(self._place) if self._place else None

    def close(self) -> None:
        """End git's processes, also a running push."""
        super().close()
        self._line.close()

    def recovery(self) -> str:
        """Return the command that recovers the journal, here and in the shared repository."""
        return f"{super().recovery()} --journal {quote(self._remote.shown)}"

    # Following

    def is_due(self, announced: Position | None, *, alone: bool, wanted: bool = False) -> bool:
        """Return whether it is time to ask the shared journal; see `Journal.is_due`."""
        now = time.monotonic()
        if self.trouble is None and announced is not None and is_newer(announced, self._announced):
            self._announced = announced  # once: if it is missing there, more fetches do not help
            return True
        if self.trouble is None and (alone or not self.notified or announced is not None):
            due = self._next_fetch - POLL_SECONDS + ALONE_SECONDS
            return now >= (min(due, self.looked_at + WANTED_SECONDS) if wanted else due)
        return now >= self._next_fetch

    def refresh(self, lock: int, *, sure: bool = True) -> None:
        """Fetch the shared journal into the copy.

        Args:
            lock: the descriptor that `lock` yielded.
            sure: also if it was fetched some seconds ago, with no announcement since.

        Raises:
            Unavailable: it cannot be reached (`journal_unreachable`), it lacks what the copy has
                (`journal_behind`), or it is another one (`journal_foreign`).
        """
        if self.trouble and time.monotonic() < self._next_fetch:
            raise self.trouble.with_traceback(None)  # raised repeatedly: it must not grow
        check_there(self._folder)
        if not sure and self._may_be_sure():
            return
        began = time.monotonic()
        try:
            self._fetch(lock, FETCH_SECONDS)
        except Unavailable as error:
            now = time.monotonic()
            self._next_fetch = now + max(RETRY_SECONDS, PAUSES * (now - began))
            self.trouble = error
            raise
        self.trouble = None
        self.looked_at = began
        self._next_fetch = time.monotonic() + POLL_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - no secret

    def _may_be_sure(self) -> bool:
        """Return whether to try without a fetch: that saves one, and costs a push if it was wrong."""
        now = time.monotonic()
        return self.trouble is None and now < self._next_fetch and now - self._wrote > TURN_SECONDS

    def join(self, lock: int) -> bool:
        """Copy the journal into a folder without one; return whether it exists. Raises as `refresh`."""
        self._line.init()
        try:
            self._fetch(lock, JOIN_SECONDS)
        except Unavailable as error:
            if error.code == "journal_empty":
                return False
            raise
        self._sync()
        newest = self._newest_of(BRANCH).change
        write_marker(self._folder, newest.epoch, newest.format)
        return True

    def _fetch(self, lock: int, timeout: float, refspec: str = f"{BRANCH}:{BRANCH}") -> None:
        self._clear_leftovers()
        try:
            self._check_place()
            self._remote.check()
            self._line.run(
                "fetch", "--no-tags", "--no-write-fetch-head", "origin", refspec,
                timeout=timeout, pass_fds=(lock,),
            )  # fmt: skip
        except GitFailed as error:
            self._swept = False
            raise self._meaning(lock, error) from error

    def _check_place(self) -> None:
        if self._place and not (self._place / "objects").is_dir():
            raise GitFailed(
                f"there is no bare repository at {self._remote.shown}; if it is on a disk of its own, "
                "mount that, and if it is to be a new one, make it: git init --bare"
            )

    def _meaning(self, lock: int, error: GitFailed) -> Unavailable:
        """Explain a failed fetch."""
        shown = self._remote.shown
        if _NOTHING_THERE in error.words:
            if self._reader.read_object(BRANCH) is None:
                return Unavailable(f"{shown} holds nothing yet", code="journal_empty")
            return self._behind("holds nothing")
        if _NO_SUCCESSOR in error.words:
            return self._compared(lock)
        return Unavailable(
            f"the journal at {shown} cannot be reached: {explain(self._remote, error).message}. Until it "
            "can, nothing is changed here, and what is in force is served",
            code="journal_unreachable",
        )

    def _compared(self, lock: int) -> Unavailable:
        """Explain why the copy cannot follow the shared journal."""
        self._fetch(lock, FETCH_SECONDS, f"+{BRANCH}:{SEEN}")
        there = self._newest_of(SEEN)
        first, ours = (tree.history(self._git, ref)[0] for ref in (SEEN, BRANCH))
        return self._foreign() if first != ours else self._behind(f"is at change {there.change.seq}")

    def _newest_of(self, ref: str) -> Entry:
        try:
            return self._reader.entry(ref)
        except Unavailable as error:
            raise error if error.code == NEWER else self._foreign() from error

    def _foreign(self) -> Unavailable:
        return Unavailable(
            f"{self._remote.shown} holds another journal than {self._folder}, or none. To join that one, "
            "name an empty data folder (--data); to go on with this one, name another repository (--journal)",
            code="journal_foreign",
        )

    def _behind(self, there: str) -> Unavailable:
        return Unavailable(
            f"the journal at {self._remote.shown} {there}, and lacks what was acknowledged: the copy here "
            f"is at change {self.head().change.seq}. Go on from the newest copy, on its machine: "
            f"{self.recovery()} ({command(self._folder, 'verify')} tells how new a copy is)",
            code="journal_behind",
        )

    # Writing, under the lock

    def _publish(self, lock: int, parent: str | None) -> Entry:
        entry = self._reader.entry(PROPOSED)
        failpoints.reach(failpoints.PROPOSED)
        try:
            self._push(entry.commit, parent)
            self._wrote = time.monotonic()
            failpoints.reach(failpoints.PUSHED)
            self._git.run("update-ref", BRANCH, entry.commit, pass_fds=(lock,))
            self._sync()
        except (Unavailable, OSError) as error:
            raise InDoubt(entry, self._refusal(error)) from error
        return entry

    def _push(self, commit: str, parent: str | None) -> None:
        self._remote.check()
        self._line.run(
            "push", "--quiet", *([_DURABLY] if self._there else []),
            f"--force-with-lease={BRANCH}:{parent or ''}", "origin", f"{commit}:{BRANCH}",
            timeout=PUSH_SECONDS,  # without the lock: the lease ensures the order there
        )  # fmt: skip
        if self._there:
            self._there.sync()

    def _refusal(self, error: Unavailable | OSError) -> Unavailable | None:
        """Return the error to report if the next fetch shows that the host itself refused the change."""
        if not isinstance(error, GitFailed) or error.code == "git_timeout":
            return None
        if _OVERTAKEN.search(error.words):
            return None
        return Unavailable(
            f"{self._remote.shown} does not take the change: {explain(self._remote, error).message}. "
            "What opens it must let the registry write to its branch main",
            code="journal_unwritable",
        )
