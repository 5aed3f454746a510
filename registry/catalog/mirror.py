"""The bare mirror of the prompt repository. Its tags are the pins: added, never moved, never removed.

All that belongs to it is in one folder, ``mirror.git``: the repository, the lock under which one
process at a time looks upstream, and the report of the last look, which all processes show.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.catalog import ignored, tagged
from registry.catalog.naming import split_tag
from registry.catalog.remedies import explain, out_of_reach
from registry.catalog.upstream import Credentials, Upstream
from registry.errors import GitFailed, Unavailable
from registry.git import Git
from registry.locks import locked
from registry.text import escape

if TYPE_CHECKING:
    from pathlib import Path

    from registry.catalog.tagged import About, File

LIST_SECONDS = 60.0  # a list of refs, even of a hundred thousand over a slow line
FETCH_SECONDS = 900.0  # a first fetch of a large repository; a stalled line ends much earlier (gitconfig)
BATCH = 500  # tags of one fetch: git compares each one with all the others
FAILED_FETCHES = 40  # of one look; one bad tag costs 10, and the rest of a bad day can wait
RETRY_SECONDS = 300.0  # until a tag that could not be fetched is tried again
MOVED_SHOWN = 100  # moved tags that are named
NAMED = 5  # new versions that a line in the log names

Json = dict[str, Any]
logger = logging.getLogger(__name__)
_NO_CREDENTIALS = Credentials()
_NO_UPSTREAM = "no prompt repository is configured; set PROMPTSTAGE_REPOSITORY"
_NO_REPORT: Json = {
    "synced_at": None,
    "error": None,
    "ignored": {"count": 0, "sample": [], "reasons": []},
    "moved": [],
    "moved_count": 0,
    "failed": {},
}


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
        self._last: tuple[bytes, object] | None = None
        self._unwritable: str | None = None

    def close(self) -> None:
        """End git's processes, also a fetch under way."""
        self._git.close()

    # What is here

    def tags(self) -> dict[str, str]:
        """The pinned tags and the object ids that they have here. Raises GitFailed."""
        if not self._exists():
            return {}
        listed = self._git.run("for-each-ref", "--format=%(objectname) %(refname:strip=2)", "refs/tags")
        return {tag: oid for oid, tag in (line.split(" ", 1) for line in listed.decode().splitlines())}

    def revision(self) -> object:
        """A value that changes when the tags do; costs one system call."""
        try:
            packed = (self._folder / "packed-refs").stat()
        except FileNotFoundError:
            return None
        return packed.st_mtime_ns, packed.st_ino, packed.st_size

    def about(self, oid: str) -> About:
        """Read who made the tag with this object id. Raises DocumentInvalid and GitFailed."""
        return tagged.read_about(self._git, oid)

    def file(self, about: About, name: str) -> File:
        """Read a prompt's file in a tagged commit. Raises DocumentInvalid and GitFailed."""
        return tagged.read_file(self._git, about, name)

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

    def look(self) -> None:
        """Look upstream, and fetch the tags that are new. Nothing here is moved or removed, ever.

        Raises:
            Unavailable: another process is looking (`busy`), there is no upstream (`no_repository`), or
                the mirror cannot be written (`mirror_unwritable`).
            GitFailed: the upstream cannot be read; the report says so too.
        """
        if not self._configured:
            raise Unavailable(_NO_UPSTREAM, code="no_repository")
        try:
            self._look()
            self._unwritable = None
        except OSError as error:  # such as a full disk, on which no report can be written either
            self._unwritable = f"the mirror cannot be written: {error.strerror}; make room, or allow it"
            raise Unavailable(self._unwritable, code="mirror_unwritable") from error

    def _look(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._folder / "look.lock", wait=0) as lock:
            before = self.report()
            try:
                self._upstream.check()
                after = self._sync(before, lock)
            except GitFailed as error:
                told = explain(self._upstream, error)
                self._save({**before, "error": told.message})
                raise told from error
            self._save(after)

    def _sync(self, before: Json, lock: int) -> Json:
        if not self._exists():
            self._git.init()
        listing = self._git.run(
            "ls-remote", "--tags", "--refs", "origin", timeout=LIST_SECONDS, pass_fds=(lock,)
        )
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if self._last == (listing, self.revision()):
            return {**before, "synced_at": now, "error": None}
        upstream, others = _sort_out(listing)
        ours = self.tags()
        failed = {
            tag: entry for tag, entry in before["failed"].items() if _still_waits(upstream.get(tag), entry)
        }
        new = [tag for tag in upstream if tag not in ours and tag not in failed]
        failed |= self._fetch(new, upstream, lock)
        if any((self._folder / "refs/tags").iterdir()):  # also what a look left that was cut off
            self._git.run("pack-refs", "--all", pass_fds=(lock,))
        self._last = None if failed else (listing, self.revision())
        moved = _moved(ours, upstream)
        _tell([tag for tag in new if tag not in failed], moved, before)
        return {
            "synced_at": now,
            "error": _complaint(failed),
            "ignored": _ignored(others),
            "moved": moved[:MOVED_SHOWN],
            "moved_count": len(moved),
            "failed": failed,
        }

    def _fetch(self, tags: list[str], upstream: dict[str, str], lock: int) -> dict[str, Json]:
        """Fetch what can be fetched: a batch that fails is halved, so that a bad tag stops no other.

        Where the repository itself is out of reach no tag is to blame, and all are tried at the next look.
        """
        failed: dict[str, Json] = {}
        batches = [tags[start : start + BATCH] for start in range(0, len(tags), BATCH)]
        failures = 0
        while batches:
            batch = batches.pop()
            try:
                self._fetch_batch(batch, lock)
            except GitFailed as error:
                failures += 1
                if error.code == "git_timeout" or failures > FAILED_FETCHES or out_of_reach(error):
                    raise
                if len(batch) > 1:
                    batches += (batch[len(batch) // 2 :], batch[: len(batch) // 2])
                else:
                    entry = {
                        "id": upstream[batch[0]],
                        "until": time.time() + RETRY_SECONDS,
                        "error": error.message,
                    }
                    failed[batch[0]] = entry
        return failed

    def _fetch_batch(self, tags: list[str], lock: int) -> None:
        self._clear_stale_locks()
        refspecs = "".join(f"refs/tags/{tag}:refs/tags/{tag}\n" for tag in tags)
        self._git.run(  # without --update-shallow git leaves out the tags of a shallow repository, silently
            "fetch", "--quiet", "--stdin", "--no-tags", "--no-write-fetch-head", "--update-shallow", "origin",
            data=refspecs.encode(), timeout=FETCH_SECONDS, pass_fds=(lock,),
        )  # fmt: skip

    def _clear_stale_locks(self) -> None:
        """Remove what a killed git left: nobody else can be writing while we hold the lock."""
        for left in (self._folder / "packed-refs.lock", *(self._folder / "refs").rglob("*.lock")):
            left.unlink(missing_ok=True)

    def _exists(self) -> bool:
        return (self._folder / "HEAD").exists()

    def _save(self, report: Json) -> None:
        written = self._report.with_suffix(".new")
        written.write_text(json.dumps(report))
        written.replace(self._report)


def _sort_out(listing: bytes) -> tuple[dict[str, str], list[bytes]]:
    """Split the upstream's tags into those that make versions, with their ids, and the others."""
    versions: dict[str, str] = {}
    others: list[bytes] = []
    for line in listing.splitlines():
        oid, _, ref = line.partition(b"\t")
        tag = ref.removeprefix(b"refs/tags/")
        if split_tag(tag):
            versions[tag.decode()] = oid.decode()
        else:
            others.append(tag)
    return versions, others


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


def _moved(ours: dict[str, str], upstream: dict[str, str]) -> list[Json]:
    return [
        {"tag": tag, "pinned": oid, "upstream": upstream[tag]}
        for tag, oid in ours.items()
        if upstream.get(tag, oid) != oid
    ]
