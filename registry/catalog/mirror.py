"""The bare mirror of the prompt repository. Tags are pinned here: added, never moved, never removed.

All that belongs to it is in one folder, ``mirror.git``: the repository, the table of the pins, the lock
under which one process at a time looks upstream, and the report of the last look, which all processes show.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.catalog import fetch, ignored, pins, tagged
from registry.catalog.naming import split_tag
from registry.catalog.pins import Pins, Seen, Table
from registry.catalog.remedies import explain
from registry.catalog.upstream import Credentials, Upstream
from registry.errors import GitFailed, Unavailable
from registry.git import Git
from registry.locks import locked
from registry.text import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import TypeVar

    from registry.catalog.tagged import About, File
    from registry.errors import DocumentInvalid

    T = TypeVar("T")
    Read = tuple[About, File | DocumentInvalid]

LIST_SECONDS = 60.0  # a list of refs, even of a hundred thousand over a slow line
RETRY_SECONDS = 300.0  # until a tag that could not be fetched is tried again
MOVED_SHOWN = 100  # moved tags that are named
NAMED = 5  # new versions that a line in the log names

Json = dict[str, Any]
logger = logging.getLogger(__name__)
_NO_CREDENTIALS = Credentials()
_NO_UPSTREAM = "no prompt repository is configured; set PROMPTSTAGE_REPOSITORY"
_ON_ITS_WAY = "this version is being fetched; try again in a moment"
_NOTHING: fetch.Tags = {}
_NO_REPORT: Json = {
    "synced_at": None,
    "error": None,
    "ignored": {"count": 0, "sample": [], "reasons": []},
    "moved": [],
    "moved_count": 0,
    "failed": {},
}


@dataclass(frozen=True, slots=True)
class News:
    """Tags that somebody has not seen yet.

    Attributes:
        tags: each tag, as bytes, and its object id.
        anew: whether these are all there are, and what was seen before counts no more.
        mark: what to ask with the next time.
    """

    tags: Iterable[tuple[bytes, str]]
    anew: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has followed a mirror."""

    seen: Seen
    announced: fetch.Tags


class Mirror:
    """The mirror of one data folder; any thread and several processes may use it.

    Attributes:
        local: whether the upstream is a path, so that looking costs next to nothing.
    """

    def __init__(self, data: Path, repository: str, credentials: Credentials = _NO_CREDENTIALS) -> None:
        """Touch nothing yet.

        Args:
            data: the data folder; the mirror is ``mirror.git`` in it.
            repository: the prompt repository, a path or a URL; empty if there is none.
            credentials: what opens it, if it is private.
        """
        self._upstream = Upstream(repository, credentials)
        self.local = self._upstream.local
        self._configured = bool(repository)
        self._folder = data / "mirror.git"
        self._report = self._folder / "report.json"
        self._git = Git(self._folder, config=self._upstream.config())
        self._newest = Git(
            self._folder / "newest.git", config=self._upstream.config(), objects=self._folder / "objects"
        )
        self._pins = Pins(self._folder / "pins")
        self._announced = _NOTHING  # what the look under way found upstream, where that is much
        self._last: tuple[bytes, object] | None = None
        self._unwritable: str | None = None

    def close(self) -> None:
        """End git's processes, also a fetch under way."""
        self._git.close()
        self._newest.close()

    # What is here

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
            return News(pins.split(added), anew=False, mark=now)
        heard = {tag.encode(): oid for tag, oid in announced.items()}
        return News((heard | dict(pins.split(table.lines.splitlines()))).items(), anew=True, mark=now)

    def revision(self) -> object:
        """A value that changes when the tags do; costs one system call."""
        return self._pins.revision(), len(self._announced)

    def _table(self) -> Table:
        """The pins; those of an older registry are still git's refs, until the next look."""
        found = self._pins.read()
        if found is None and self._exists():
            found = Table(self._refs("refs/tags"))
        return found or Table()

    def _refs(self, below: str = "refs") -> bytes:
        return self._git.run("for-each-ref", "--format=%(objectname)%09%(refname)", below)

    def about(self, oid: str) -> About:
        """Read who made the tag with this object id.

        Raises:
            DocumentInvalid: nobody reads that much.
            GitFailed: an object is missing or damaged.
            Unavailable: it is on its way (`being_fetched`).
        """
        return self._answer(oid, tagged.read_about(oid))

    def read(self, oid: str, name: str) -> Read:
        """Read a tag and the prompt's file in its commit, or what is wrong. Raises as `about` else does."""
        return self._answer(oid, tagged.read(oid, name))

    def _answer(self, oid: str, reading: tagged.Reading[T]) -> T:
        try:
            return tagged.answer(self._git, reading)
        except GitFailed as error:
            if oid not in self._announced.values():
                raise
            raise Unavailable(_ON_ITS_WAY, code="being_fetched") from error

    def read_all(self, wanted: Iterable[tuple[str, str]]) -> list[Read | GitFailed]:
        """Do as `read` for many ids and names at once."""
        return tagged.answer_all(self._git, [tagged.read(oid, name) for oid, name in wanted])

    # What is upstream

    def report(self) -> Json:
        """What the last look found, by whichever process.

        Returns:
            ``synced_at`` and ``error`` (one may be None); ``ignored``: how many tags make no version, some
            of them, and why; ``moved``: the first of the ``moved_count`` that were; and ``failed``: the
            tags that could not be fetched, why, and when they are tried again.
        """
        found = {**_NO_REPORT, "error": None if self._configured else _NO_UPSTREAM}
        with suppress(FileNotFoundError, ValueError):
            found |= json.loads(self._report.read_bytes())
        return found | ({"error": self._unwritable} if self._unwritable else {})

    def age(self) -> float:
        """Seconds since the last look of any process."""
        try:
            age = time.time() - self._report.stat().st_mtime
        except FileNotFoundError:
            return float("inf")
        return age if age >= 0 else float("inf")  # somebody set the clock back

    def seconds_since_sync(self) -> float | None:
        """Seconds since the last look of any process that went well; None if none did."""
        synced_at = self.report()["synced_at"]
        return synced_at and max(0.0, time.time() - datetime.fromisoformat(synced_at).timestamp())

    def was_looked_at(self) -> bool:
        """Whether any process ever finished a look, or there is nothing to look at."""
        return self._report.exists() or not self._configured

    def look(self, on_news: Callable[[], object] = lambda: None) -> None:
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
            self._look(on_news)
            self._unwritable = None
        except OSError as error:  # such as a full disk, on which no report can be written either
            self._unwritable = f"the mirror cannot be written: {error.strerror}; make room, or allow it"
            raise Unavailable(self._unwritable, code="mirror_unwritable") from error
        finally:
            self._announced = _NOTHING

    def _look(self, on_news: Callable[[], object]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._folder / "look.lock", wait=0) as lock:
            before = self.report()
            try:
                self._upstream.check()
                after = self._sync(before, lock, on_news)
            except GitFailed as error:
                told = explain(self._upstream, error)
                self._save({**before, "error": told.message})
                raise told from error
            self._save(after)

    def _sync(self, before: Json, lock: int, on_news: Callable[[], object]) -> Json:
        self._prepare(lock)
        listing = self._git.run(
            "ls-remote", "--tags", "--refs", "origin", timeout=LIST_SECONDS, pass_fds=(lock,)
        )
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        digest = sha256(listing).digest()
        if self._last == (digest, self._pins.revision()):
            return {**before, "synced_at": now, "error": None}
        found = _compare(listing, self._table().lines)
        waiting = {
            tag: entry for tag, entry in before["failed"].items() if _still_waits(found.new.get(tag), entry)
        }
        new = {tag: oid for tag, oid in found.new.items() if tag not in waiting}
        failed = waiting | self._fetch(new, lock, on_news)
        self._last = None if failed else (digest, self._pins.revision())
        _tell([tag for tag in new if tag not in failed], found.moved, before)
        return {
            "synced_at": now,
            "error": _complaint(failed),
            "ignored": _ignored(found.others),
            "moved": found.moved[:MOVED_SHOWN],
            "moved_count": len(found.moved),
            "failed": failed,
        }

    def _prepare(self, lock: int) -> None:
        """Make the mirror; pins that an older registry left in git's refs become the table's."""
        self._clear_stale_locks()
        tags = self._folder / "refs/tags"
        packed = self._folder / "packed-refs"
        if self._pins.revision() is None or packed.exists() or any(tags.iterdir()):
            self._git.init()
            self._git.run("config", *fetch.PRECIOUS)
            self._pins.add(self._refs("refs/tags").splitlines())
            known = dict(pins.split(self._refs().splitlines()))
            for folder in tags.iterdir():
                shutil.rmtree(folder)
            packed.unlink(missing_ok=True)  # also what somebody's `git gc` made
            fetch.keep(self._git, known.values(), lock)

    def _fetch(self, new: fetch.Tags, lock: int, on_news: Callable[[], object]) -> dict[str, Json]:
        """Fetch and pin; returns what could not be fetched, and why."""
        if len(new) > fetch.GREAT:
            self._announced = new
            on_news()
            self._pin(fetch.fetch_newest(self._newest, self._folder / "newest.git", new, lock))
            on_news()
        failed: dict[str, Json] = {}
        for tags, error in fetch.fetch(self._git, new, lock):
            if error:
                until = time.time() + RETRY_SECONDS
                failed |= {tag: {"id": oid, "until": until, "error": error} for tag, oid in tags.items()}
            else:
                self._pin(tags)
                on_news()
        return failed

    def _pin(self, tags: fetch.Tags) -> None:
        self._pins.add(pins.line_of(tag, oid) for tag, oid in tags.items())

    def _clear_stale_locks(self) -> None:
        """Remove what a killed git left: nobody else can be writing while we hold the lock."""
        ours = (self._folder / f"{name}.lock" for name in ("packed-refs", "config", "shallow", "HEAD"))
        for left in (*ours, *(self._folder / "refs").rglob("*.lock")):
            left.unlink(missing_ok=True)

    def _exists(self) -> bool:
        return (self._folder / "HEAD").exists()

    def _save(self, report: Json) -> None:
        written = self._report.with_suffix(".new")
        written.write_text(json.dumps(report))
        written.replace(self._report)


class _Found(NamedTuple):
    """How the upstream's tags differ from the pins."""

    new: fetch.Tags
    moved: list[Json]
    others: list[bytes]  # those that make no version


def _compare(listing: bytes, pinned: bytes) -> _Found:
    """Compare by sets of lines, so that only what differs costs more than its bytes."""
    theirs, ours = set(listing.splitlines()), set(pinned.splitlines())
    changed = sorted(pins.split(theirs - ours))
    gone = dict(pins.split(ours - theirs))  # moved or deleted upstream
    moved = [
        {"tag": tag.decode(), "pinned": gone[tag], "upstream": oid} for tag, oid in changed if tag in gone
    ]
    new: fetch.Tags = {}
    others: list[bytes] = []
    for tag, oid in changed:
        if not split_tag(tag):
            others.append(tag)
        elif tag not in gone:
            new[tag.decode()] = oid
    return _Found(new, moved, others)


def _ignored(tags: list[bytes]) -> Json:
    shown = ignored.sample(tags)
    return {"count": len(tags), "sample": list(map(escape, shown)), "reasons": list(map(ignored.why, shown))}


def _still_waits(oid: str | None, entry: Json) -> bool:
    """Whether a tag that failed is the same one, and not to be tried again yet."""
    return bool(entry["id"] == oid) and 0 < entry["until"] - time.time() <= RETRY_SECONDS


def _tell(new: list[str], moved: list[Json], before: Json) -> None:
    """Log what a look found; only the process that looked does."""
    if new:
        names = ", ".join(new[:NAMED]) + (" ..." if len(new) > NAMED else "")
        logger.info("%d new versions: %s", len(new), names, extra={"event": "versions", "count": len(new)})
    for tag in (tag for tag in moved[:MOVED_SHOWN] if tag not in before["moved"]):
        logger.warning(
            "somebody moved the tag %s upstream; here it stays. A changed prompt needs a new version",
            tag["tag"],
            extra={"event": "tag.moved", **tag},
        )
    if len(moved) > max(MOVED_SHOWN, before["moved_count"]):
        logger.warning(
            "somebody moved %d tags upstream, of which the first %d are named",
            *(len(moved), MOVED_SHOWN),
            extra={"event": "tags.moved", "count": len(moved)},
        )


def _complaint(failed: dict[str, Json]) -> str | None:
    if not failed:
        return None
    tag, entry = next(iter(failed.items()))
    return f"tags that could not be fetched: {len(failed)}, such as {tag}: {entry['error']}"
