"""The bare mirror of the prompt repository. Tags are pinned here: added, never moved, never removed.

All that belongs to it is in one folder, ``mirror.git``: the repository, the table of the pins, the lock
under which one process at a time syncs, and the report of the last sync, which all processes show.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from registry.catalog.mirror import fetch, layout, pins, suite_reader, sync_report, tag_info, tag_reader
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

    from promptstage.model import Json
    from registry.catalog.mirror.pins import Table
    from registry.catalog.mirror.suite_reader import SuiteFiles, Wanted
    from registry.catalog.mirror.tag_info import TagInfo
    from registry.catalog.mirror.tag_reader import File
    from registry.catalog.mirror.trees import Reading
    from registry.errors import DocumentInvalid

    T = TypeVar("T")
    Read = tuple[TagInfo, File | DocumentInvalid]

LIST_SECONDS = 60.0  # a list of refs, even of a hundred thousand over a slow connection

_NO_CREDENTIALS = Credentials()
_NO_UPSTREAM = "no prompt repository is configured; set PROMPTSTAGE_REPOSITORY"
_ON_ITS_WAY = "this version is being fetched; try again in a moment"
_NOTHING: fetch.Tags = {}


@dataclass(frozen=True, slots=True)
class TagUpdates:
    """Tags since an earlier mark.

    Attributes:
        tags: each tag, as bytes, and its object id.
        complete: whether these are all tags, and earlier ones no longer count.
        mark: the mark to pass the next time.
    """

    tags: Iterable[tuple[bytes, str]]
    complete: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Mark:
    """A point up to which a reader has read a mirror."""

    seen: Seen
    listed: fetch.Tags


class Mirror:
    """The mirror of one data folder; any thread and several processes may use it.

    Attributes:
        local: whether the upstream is a path, so that a sync costs next to nothing.
        address: of the upstream, which holds no secret; None: a path on this machine, or nothing.
        head: the upstream's newest commit, once this process was asked to read it; empty until then.
    """

    def __init__(self, data: Path, repository: str, credentials: Credentials = _NO_CREDENTIALS) -> None:
        """Prepare; nothing is read or written yet.

        Args:
            data: the data folder; the mirror is ``mirror.git`` in it.
            repository: the prompt repository, a path or a URL; empty if there is none.
            credentials: those of a private one.
        """
        self._remote = Remote(repository, credentials)
        self.local = self._remote.local
        self.address = None if self._remote.local else self._remote.shown
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
        self._head_wanted = False  # whether the next sync reads the newest commit
        self._pins = Pins(self._folder / "pins")
        self._listed = _NOTHING  # tags that the running sync found upstream, if they are many
        self._last: tuple[bytes, object] | None = None
        self._swept = False
        self._unwritable: str | None = None

    def close(self) -> None:
        """End git's processes, also a running fetch."""
        self._git.close()
        self._incoming.close()

    # Local state

    def check_format(self) -> None:
        """Refuse a mirror that a newer registry made. Raises Unavailable (`newer_format`)."""
        formats.check_file(self._folder / layout.FORMAT_FILE, f"the mirror in {self._folder}", formats.MIRROR)

    def tags(self) -> dict[str, str]:
        """Return the pinned tags and their object ids. Raises GitFailed."""
        found = sorted(pins.split(self._table().lines.splitlines()))
        return {tag.decode(): oid for tag, oid in found}

    def updates(self, mark: Mark | None) -> TagUpdates:
        """Return the tags since an earlier mark, also those that a running sync has only listed.

        Raises:
            GitFailed: the table of the pins is damaged.
        """
        listed, table = self._listed, self._table()
        now = Mark(Seen(len(table.lines), table.digest), listed)
        if mark and mark.listed is listed and (added := pins.since(table, mark.seen)) is not None:
            return TagUpdates(pins.split(added), complete=False, mark=now)
        heard = {tag.encode(): oid for tag, oid in listed.items()}
        return TagUpdates(
            (heard | dict(pins.split(table.lines.splitlines()))).items(), complete=True, mark=now
        )

    def revision(self) -> object:
        """Return a value that changes when the tags do; costs one system call."""
        return self._pins.revision(), len(self._listed), self._wanted.found, self.head

    def _table(self) -> Table:
        return layout.table(self._folder, self._git, self._pins)

    def about(self, oid: str) -> TagInfo:
        """Read the author, time and message of the tag with this object id.

        Raises:
            DocumentInvalid: its message is too long.
            GitFailed: an object is missing or damaged.
            Unavailable: it is being fetched (`being_fetched`).
        """
        return self._answer(oid, tag_info.read(oid))

    def read(self, oid: str, name: str) -> Read:
        """Read a tag and the prompt's file in its commit, or its problem. Raises as `about` otherwise."""
        return self._answer(oid, tag_reader.read(oid, name))

    def suite(self, commit: str, name: str, wanted: Wanted) -> SuiteFiles:
        """Read the files of a prompt's suite in a commit, as `suite_reader.read` does.

        Raises:
            DocumentInvalid: one of them cannot be read.
            GitFailed: an object is missing (`being_fetched`) or damaged.
        """
        return self._answer(commit, suite_reader.read(commit, name, wanted, self._wanted.note))

    def _answer(self, oid: str, reading: Reading[T]) -> T:
        try:
            return tag_reader.answer(self._objects, reading)
        except GitFailed as error:
            if oid in self._listed.values():
                raise Unavailable(_ON_ITS_WAY, code="being_fetched") from error
            raise self._explained(error) from error

    def _explained(self, error: GitFailed) -> GitFailed:
        """Explain a failure; the next sync fetches a missing object again, or it cannot be fetched."""
        return self._wanted.note(error) if isinstance(error, ObjectMissing) else error

    def read_all(self, wanted: Iterable[tuple[str, str]]) -> list[Read | GitFailed]:
        """Read many ids and names at once, as `read` does."""
        found = tag_reader.answer_all(self._objects, [tag_reader.read(oid, name) for oid, name in wanted])
        return [self._explained(one) if isinstance(one, GitFailed) else one for one in found]

    @property
    def wants(self) -> bool:
        """Return whether the next sync must fetch missing objects or the newest commit, beside new tags."""
        return self._head_wanted or bool(self._wanted.now())

    def follow_head(self) -> None:
        """Let the next sync fetch the newest commit too, which may have a file that a tag lacks."""
        self._head_wanted = True

    def has_at_head(self, name: str) -> bool:
        """Return whether the newest commit that was read has a prompt's file."""
        with suppress(GitFailed):
            return bool(self.head and tag_reader.answer(self._objects, tag_reader.exists(self.head, name)))
        return False

    # Upstream

    def report(self) -> Json:
        """Return the result of the last sync of any process.

        Returns:
            ``synced_at`` and ``error`` (one may be None); ``ignored``: how many tags define no version, some
            of them, and why; ``moved``: the first of the ``moved_count`` moved tags; and ``failed``: the
            tags that could not be fetched, why, and when they are tried again.
        """
        found = {**sync_report.NO_REPORT, "error": None if self._configured else _NO_UPSTREAM}
        found |= sync_report.read(self._report)
        return found | ({"error": self._unwritable} if self._unwritable else {})

    def age(self) -> float:
        """Return the seconds since the last sync of any process."""
        try:
            age = time.time() - self._report.stat().st_mtime
        except FileNotFoundError:
            return float("inf")
        return age if age >= 0 else float("inf")  # the clock was set back

    def is_held_off(self) -> bool:
        """Return whether the host gave a time to retry that has not come yet."""
        return throttle.is_held_off(self.report()["not_before"])

    def seconds_since_sync(self) -> float | None:
        """Return the seconds since the last successful sync of any process; None if there was none."""
        synced_at = self.report()["synced_at"]
        return synced_at and max(0.0, time.time() - datetime.fromisoformat(synced_at).timestamp())

    def was_synced(self) -> bool:
        """Return whether any process ever finished a sync, or there is no upstream."""
        return self._report.exists() or not self._configured

    def sync(self, on_tags: Callable[[], object] = lambda: None) -> None:
        """List the upstream's tags and fetch the new ones. Local tags are never moved or removed.

        Args:
            on_tags: called as soon as there are new tags, and repeatedly with a large repository.

        Raises:
            Unavailable: another process syncs (`busy`), there is no upstream (`no_repository`), or
                the mirror cannot be written (`mirror_unwritable`).
            GitFailed: the upstream cannot be read; the report has the error too.
        """
        if not self._configured:
            raise Unavailable(_NO_UPSTREAM, code="no_repository")
        try:
            self._sync(on_tags)
            self._unwritable = None
        except OSError as error:  # such as a full disk, on which no report can be written either
            self._unwritable = f"the mirror cannot be written: {error.strerror}; make room, or allow it"
            raise Unavailable(self._unwritable, code="mirror_unwritable") from error
        finally:
            self._listed = _NOTHING

    def _sync(self, on_tags: Callable[[], object]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._folder / "look.lock", wait=0) as lock:
            self.check_format()
            before = self.report()
            if not self._swept:
                layout.sweep(self._folder)
            self._swept = False  # until this sync succeeds
            try:
                self._remote.check()
                after = self._fetch_new(before, lock, on_tags)
                self._swept = True
            except GitFailed as error:
                explained = explain(self._remote, error)
                until = self._throttle.until(error)
                sync_report.save({**before, "error": explained.message, "not_before": until}, self._report)
                raise explained from error
            finally:
                self._throttle.clear()
            sync_report.save(after, self._report)

    def _fetch_new(self, before: Json, lock: int, on_tags: Callable[[], object]) -> Json:
        layout.prepare(self._folder, self._git, self._pins, lock)
        listing = self._git.run(
            "ls-remote", "--tags", "--refs", "origin", timeout=LIST_SECONDS, pass_fds=(lock,)
        )
        sync_report.require_sha1(listing)
        now = timestamps.rfc3339(timestamps.now())
        digest = sha256(listing).digest()
        self._wanted.bring(lambda oids: self._incoming.bring_exactly(oids, lock))
        if self._head_wanted:
            self._bring_head(lock)
        if self._last == (digest, self._pins.revision()):
            return {**before, "synced_at": now, "error": None, "not_before": None}
        found = sync_report.compare(listing, self._table().lines)
        waiting = sync_report.waiting(found.new, before["failed"])
        new = {tag: oid for tag, oid in found.new.items() if tag not in waiting}
        failed = waiting | self._fetch(new, lock, on_tags)
        self._last = None if failed else (digest, self._pins.revision())
        sync_report.log([tag for tag in new if tag not in failed], found.moved, before)
        return sync_report.report(found, failed, now)

    def _bring_head(self, lock: int) -> None:
        """Fetch the newest commit, if the upstream has one that can be fetched."""
        self._head_wanted = False
        listing = self._git.run("ls-remote", "origin", "HEAD", timeout=LIST_SECONDS, pass_fds=(lock,))
        found = [line.split(b"\t")[0].decode() for line in listing.splitlines() if line.endswith(b"\tHEAD")]
        with suppress(GitFailed):
            for oid in found:
                self._incoming.bring({"HEAD": oid}, lock)
                self.head = oid

    def _fetch(self, new: fetch.Tags, lock: int, on_tags: Callable[[], object]) -> dict[str, Json]:
        """Fetch and pin; return the tags that could not be fetched, and why."""
        if len(new) > fetch.GREAT:
            self._listed = new
            on_tags()
            self._pin(fetch.fetch_newest(self._incoming, new, lock))
            on_tags()
        failed: dict[str, Json] = {}
        for tags, error in fetch.fetch(self._git, self._folder, self._incoming, new, lock):
            if error:
                failed |= sync_report.failures(tags, error)
            else:
                self._pin(tags)
                on_tags()
        return failed

    def _pin(self, tags: fetch.Tags) -> None:
        self._pins.add(pins.line_of(tag, oid) for tag, oid in tags.items())
