"""The bare mirror of the prompt repository. Tags are pinned here: added, never moved, never removed.

All that belongs to it is in one folder, ``mirror.git``: the repository, the table of the pins, the lock
under which one process at a time looks upstream, and the report of the last look, which all processes show.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from registry.catalog.mirror import fetch, layout, pins, sync_report, tag_reader
from registry.catalog.mirror.incoming import Incoming
from registry.catalog.mirror.missing import MissingObjects
from registry.catalog.mirror.oversized import Objects, OversizedObjects
from registry.catalog.mirror.pins import Pins, Seen
from registry.errors import GitFailed, ObjectMissing, Unavailable
from registry.git import throttle
from registry.git.command import Git
from registry.git.diagnosis import explain
from registry.git.remote import Credentials, Remote
from registry.git.throttle import Throttle
from registry.system import formats, timestamps
from registry.system.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import TypeVar

    from registry.catalog.mirror.pins import Table
    from registry.catalog.mirror.sync_report import Json
    from registry.catalog.mirror.tag_reader import File, TagInfo
    from registry.errors import DocumentInvalid

    T = TypeVar("T")
    Read = tuple[TagInfo, File | DocumentInvalid]

LIST_SECONDS = 60.0  # a list of refs, even of a hundred thousand over a slow line

_NO_CREDENTIALS = Credentials()
_NO_UPSTREAM = "no prompt repository is configured; set PROMPTSTAGE_REPOSITORY"
_ON_ITS_WAY = "this version is being fetched; try again in a moment"
_NOTHING: fetch.Tags = {}


@dataclass(frozen=True, slots=True)
class News:
    """Tags that somebody has not seen yet.

    Attributes:
        tags: each tag, as bytes, and its object id.
        anew: whether these are all there are, and what was seen before counts no more.
        mark: what to ask with the next time.
    """

    tags: Iterable[tuple[bytes, str]]
    complete: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Mark:
    """The position up to which a reader has followed a mirror."""

    seen: Seen
    announced: fetch.Tags


class Mirror:
    """The mirror of one data folder; any thread and several processes may use it.

    Attributes:
        local: whether the upstream is a path, so that looking costs next to nothing.
        head: the upstream's newest commit, when this process was asked to look at it; empty if not yet.
    """

    def __init__(self, data: Path, repository: str, credentials: Credentials = _NO_CREDENTIALS) -> None:
        """Touch nothing yet.

        Args:
            data: the data folder; the mirror is ``mirror.git`` in it.
            repository: the prompt repository, a path or a URL; empty if there is none.
            credentials: what opens it, if it is private.
        """
        self._remote = Remote(repository, credentials)
        self.local = self._remote.local
        self.head = ""
        self._configured = bool(repository)
        self._folder = data / "mirror.git"
        self._report = self._folder / "report.json"
        self._throttle = Throttle(self._folder / "http.trace", self._remote)
        config, environment = self._remote.config(), self._throttle.environment
        self._git = Git(self._folder, config=config, environment=environment)
        great = OversizedObjects(self._folder / "great")
        self._objects = Objects(self._git, great)
        self._incoming = Incoming(self._folder, self._git, great, config, environment)
        self._wanted = MissingObjects()
        self._curious = False  # whether to look at the newest commit the next time
        self._pins = Pins(self._folder / "pins")
        self._announced = _NOTHING  # what the look under way found upstream, where that is much
        self._last: tuple[bytes, object] | None = None
        self._swept = False
        self._unwritable: str | None = None

    def close(self) -> None:
        """End git's processes, also a fetch under way."""
        self._git.close()
        self._incoming.close()

    # What is here

    def check_format(self) -> None:
        """Let a mirror pass but one that a newer registry made. Raises Unavailable (`newer_format`)."""
        formats.check_file(self._folder / layout.FORMAT_FILE, f"the mirror in {self._folder}")

    def tags(self) -> dict[str, str]:
        """The pinned tags and the object ids that they have here. Raises GitFailed."""
        found = sorted(pins.split(self._table().lines.splitlines()))
        return {tag.decode(): oid for tag, oid in found}

    def news(self, mark: Mark | None = None) -> News:
        """The tags since an earlier answer, also such as the look under way has only heard of.

        Raises:
            GitFailed: the table of the pins is damaged.
        """
        announced, table = self._announced, self._table()
        now = Mark(Seen(len(table.lines), table.digest), announced)
        if mark and mark.announced is announced and (added := pins.since(table, mark.seen)) is not None:
            return News(pins.split(added), complete=False, mark=now)
        heard = {tag.encode(): oid for tag, oid in announced.items()}
        return News((heard | dict(pins.split(table.lines.splitlines()))).items(), complete=True, mark=now)

    def revision(self) -> object:
        """A value that changes when the tags do; costs one system call."""
        return self._pins.revision(), len(self._announced), self._wanted.found, self.head

    def _table(self) -> Table:
        return layout.table(self._folder, self._git, self._pins)

    def about(self, oid: str) -> TagInfo:
        """Read who made the tag with this object id.

        Raises:
            DocumentInvalid: nobody reads that much.
            GitFailed: an object is missing or damaged.
            Unavailable: it is on its way (`being_fetched`).
        """
        return self._answer(oid, tag_reader.read_about(oid))

    def read(self, oid: str, name: str) -> Read:
        """Read a tag and the prompt's file in its commit, or what is wrong. Raises as `about` else does."""
        return self._answer(oid, tag_reader.read(oid, name))

    def _answer(self, oid: str, reading: tag_reader.Reading[T]) -> T:
        try:
            return tag_reader.answer(self._objects, reading)
        except GitFailed as error:
            if oid in self._announced.values():
                raise Unavailable(_ON_ITS_WAY, code="being_fetched") from error
            raise self._explained(error) from error

    def _explained(self, error: GitFailed) -> GitFailed:
        """The same failure; what is missing is fetched again by the next look, or cannot be had."""
        return self._wanted.note(error) if isinstance(error, ObjectMissing) else error

    def read_all(self, wanted: Iterable[tuple[str, str]]) -> list[Read | GitFailed]:
        """Do as `read` for many ids and names at once."""
        found = tag_reader.answer_all(self._objects, [tag_reader.read(oid, name) for oid, name in wanted])
        return [self._explained(one) if isinstance(one, GitFailed) else one for one in found]

    @property
    def wants(self) -> bool:
        """Whether a look is to bring something beside new tags: what was lost here, or the newest commit."""
        return self._curious or bool(self._wanted.now())

    def follow_head(self) -> None:
        """Let the next look bring the newest commit too, in which a file may be that a tag lacks."""
        self._curious = True

    def has_at_head(self, name: str) -> bool:
        """Whether the newest commit, as far as it was looked at, has a prompt's file."""
        with suppress(GitFailed):
            return bool(self.head and tag_reader.answer(self._objects, tag_reader.find(self.head, name)))
        return False

    # What is upstream

    def report(self) -> Json:
        """Read the state of the catalog, by whichever process.

        Returns:
            ``synced_at`` and ``error`` (one may be None); ``ignored``: how many tags make no version, some
            of them, and why; ``moved``: the first of the ``moved_count`` that were; and ``failed``: the
            tags that could not be fetched, why, and when they are tried again.
        """
        found = {**sync_report.NO_REPORT, "error": None if self._configured else _NO_UPSTREAM}
        found |= sync_report.read(self._report)
        return found | ({"error": self._unwritable} if self._unwritable else {})

    def age(self) -> float:
        """Seconds since the last look of any process."""
        try:
            age = time.time() - self._report.stat().st_mtime
        except FileNotFoundError:
            return float("inf")
        return age if age >= 0 else float("inf")  # somebody set the clock back

    def is_held_off(self) -> bool:
        """Whether the host said when to ask again, and that time has not come."""
        return throttle.is_held_off(self.report()["not_before"])

    def seconds_since_sync(self) -> float | None:
        """Seconds since the last look of any process that went well; None if none did."""
        synced_at = self.report()["synced_at"]
        return synced_at and max(0.0, time.time() - datetime.fromisoformat(synced_at).timestamp())

    def was_looked_at(self) -> bool:
        """Whether any process ever finished a look, or there is nothing to look at."""
        return self._report.exists() or not self._configured

    def sync(self, on_news: Callable[[], object] = lambda: None) -> None:
        """Look upstream, and fetch the tags that are new. Nothing here is moved or removed, ever.

        Args:
            on_news: called as soon as there are some, and with a great repository again and again.

        Raises:
            Unavailable: another process is looking (`busy`), there is no upstream (`no_repository`), or
                the mirror cannot be written (`mirror_unwritable`).
            GitFailed: the upstream cannot be read; the report says so too.
        """
        if not self._configured:
            raise Unavailable(_NO_UPSTREAM, code="no_repository")
        try:
            self._sync(on_news)
            self._unwritable = None
        except OSError as error:  # such as a full disk, on which no report can be written either
            self._unwritable = f"the mirror cannot be written: {error.strerror}; make room, or allow it"
            raise Unavailable(self._unwritable, code="mirror_unwritable") from error
        finally:
            self._announced = _NOTHING

    def _sync(self, on_news: Callable[[], object]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._folder / "look.lock", wait=0) as lock:
            self.check_format()
            before = self.report()
            if not self._swept:
                layout.sweep(self._folder)
            self._swept = False  # until this look has gone well
            try:
                self._remote.check()
                after = self._fetch_new(before, lock, on_news)
                self._swept = True
            except GitFailed as error:
                told = explain(self._remote, error)
                until = self._throttle.until(error)
                sync_report.save({**before, "error": told.message, "not_before": until}, self._report)
                raise told from error
            finally:
                self._throttle.clear()
            sync_report.save(after, self._report)

    def _fetch_new(self, before: Json, lock: int, on_news: Callable[[], object]) -> Json:
        layout.prepare(self._folder, self._git, self._pins, lock)
        listing = self._git.run(
            "ls-remote", "--tags", "--refs", "origin", timeout=LIST_SECONDS, pass_fds=(lock,)
        )
        sync_report.require_sha1(listing)
        now = timestamps.rfc3339(timestamps.now())
        digest = sha256(listing).digest()
        self._wanted.bring(lambda oids: self._incoming.bring_exactly(oids, lock))
        if self._curious:
            self._bring_head(lock)
        if self._last == (digest, self._pins.revision()):
            return {**before, "synced_at": now, "error": None, "not_before": None}
        found = sync_report.compare(listing, self._table().lines)
        waiting = sync_report.waiting(found.new, before["failed"])
        new = {tag: oid for tag, oid in found.new.items() if tag not in waiting}
        failed = waiting | self._fetch(new, lock, on_news)
        self._last = None if failed else (digest, self._pins.revision())
        sync_report.tell([tag for tag in new if tag not in failed], found.moved, before)
        return sync_report.report(found, failed, now)

    def _bring_head(self, lock: int) -> None:
        """Bring the newest commit, if the upstream has one that can be had."""
        self._curious = False
        listing = self._git.run("ls-remote", "origin", "HEAD", timeout=LIST_SECONDS, pass_fds=(lock,))
        found = [line.split(b"\t")[0].decode() for line in listing.splitlines() if line.endswith(b"\tHEAD")]
        with suppress(GitFailed):
            for oid in found:
                self._incoming.bring({"HEAD": oid}, lock)
                self.head = oid

    def _fetch(self, new: fetch.Tags, lock: int, on_news: Callable[[], object]) -> dict[str, Json]:
        """Fetch and pin; returns what could not be fetched, and why."""
        if len(new) > fetch.GREAT:
            self._announced = new
            on_news()
            self._pin(fetch.fetch_newest(self._incoming, new, lock))
            on_news()
        failed: dict[str, Json] = {}
        for tags, error in fetch.fetch(self._git, self._folder, self._incoming, new, lock):
            if error:
                failed |= sync_report.failures(tags, error)
            else:
                self._pin(tags)
                on_news()
        return failed

    def _pin(self, tags: fetch.Tags) -> None:
        self._pins.add(pins.line_of(tag, oid) for tag, oid in tags.items())
