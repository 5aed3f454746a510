"""Fetch into a repository of its own until everything has arrived.

It lies in the mirror, borrows the mirror's objects, and is removed after the fetch. A complete fetch is taken
over first; one cut off by the network, the disk or a kill is removed as a whole, also by the next fetch. To
git it is a partial clone, whose host promises the missing contents, so that git requests commits and folders
alone; the usual new tag, with little beside it, comes with all small files at once. The mirror itself is
an ordinary repository, which never contacts a host by itself.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from registry.catalog.mirror import tag_reader
from registry.catalog.parsing.strict_yaml import SIZE_LIMIT
from registry.errors import GitFailed, ObjectMissing
from registry.git.command import Git
from registry.git.diagnosis import is_blameless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from registry.catalog.mirror.oversized import OversizedObjects

FETCH_SECONDS = (
    900.0  # a first fetch of a large repository; a stalled connection ends much earlier (gitconfig)
)
FEW = 1000  # tags; above this, finding each one's file costs more than the small files beside them
READ = 100  # tags whose files are found together: the folders of each are in memory meanwhile
RESERVE = 64 << 20  # bytes of the disk that no fetch uses: room for some 1,000 changes of the journal
SHARE = 8  # the reserve is at most an eighth of a small disk
LOOSE_OBJECTS = (
    100  # a smaller pack is taken over object by object, as git does: many packs slow each look-up
)
LOOSE_BYTES = 1 << 16  # of such a pack; the usual sync fetches a tenth of that
APART = 10  # fetches of prompts alone, after one had more than that beside them

CONTENT_BYTES = SIZE_LIMIT + (4 << 10)  # of one prompt's file in a pack, possibly uncompressed

FOLDER = "incoming.git"
KEPT_REFS = "refs/kept"  # of the mirror: they name what need not be fetched
_SHALLOW = "shallow"  # git's list of the commits at which a history ends
_NOTHING = "blob:none"
# Git would write these two into the repository's configuration, which readers there would obey too.
_PROMISED = ("remote.origin.promisor=true", f"remote.origin.partialclonefilter={_NOTHING}")
_SMALL = f"blob:limit={SIZE_LIMIT + 1}"  # larger ones are not prompts
# An old host serves no content by its id; and an old git tolerates no errors of old tools (gitconfig) where
# contents are left out: such repositories are fetched whole.
_WHOLE = re.compile("unadvertised object|fsck error")
_LAST = (".idx", ".promisor")  # git finds a pack by its index; the promise is for the fetch alone


class Incoming:
    """Fetches into one mirror; the caller holds the mirror's lock."""

    def __init__(
        self,
        mirror: Path,
        git: Git,
        great: OversizedObjects,
        config: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        """Prepare; nothing is fetched yet.

        Args:
            mirror: the mirror's folder.
            git: git there.
            great: stores the ids of contents too large to be prompts.
            config: git's settings for the upstream.
            environment: variables for git when it contacts the upstream.
        """
        self._mirror = mirror
        self._git = git
        self._great = great
        self._folder = mirror / FOLDER
        self._here = Git(self._folder)

        def line(*more: str) -> Git:
            return Git(self._folder, config=(*config, *more), environment=environment)

        self._plain, self._line = line(), line(*_PROMISED)
        # A host that learns what is here would omit the contents that it assumes are here too.
        self._exact = line(*_PROMISED, "fetch.negotiationAlgorithm=noop")
        self._apart = 0  # fetches left that expect more beside the prompts than prompts

    def close(self) -> None:
        """End running processes."""
        for git in (self._here, self._plain, self._line, self._exact):
            git.close()

    def clear(self) -> None:
        """Remove the leftovers of an interrupted fetch."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def bring(self, tags: Mapping[str, str], lock: int, *options: str) -> None:
        """Fetch tags with everything that versions need: all, or nothing.

        Args:
            tags: their object ids.
            lock: the descriptor of the mirror's lock.
            options: of ``git fetch``.

        Raises:
            GitFailed: they cannot be fetched, or the disk has no room for them (`git_no_room`).
        """
        if not options and self._is_little(tags) and self._bring_together(tags, lock):
            return
        try:
            self._bring_what_is_needed(tags, lock, *options)
        except GitFailed as error:
            if not _WHOLE.search(error.words):
                raise
            with self._repository(lasting=not options) as room:
                self._fetch(self._plain, tags.values(), lock, room, *options)

    def _is_little(self, tags: Mapping[str, str]) -> bool:
        """Return whether little is expected: a few new tags, as is usual."""
        self._apart = max(0, self._apart - 1)
        return len(tags) <= FEW and not self._apart and (self._mirror / KEPT_REFS).exists()

    def _bring_together(self, tags: Mapping[str, str], lock: int) -> bool:
        """Fetch tags with all small files if there are few; one fetch takes half as long as two.

        Returns:
            Whether they are here; other failures are reported by the fetch of what is needed.

        Raises:
            GitFailed: no tag is to blame, or the contents of one cannot be fetched.
        """
        try:
            with self._repository() as room:
                self._fetch(self._line, tags.values(), lock, min(room, LOOSE_BYTES), f"--filter={_SMALL}")
        except GitFailed as error:
            if is_blameless(error):
                raise
            self._apart = APART
            return False
        if _absent(self._git, tags):  # such as those of a commit fetched earlier without them
            with self._repository() as room:
                self._bring_absent(tags, lock, room)
        return True

    def _bring_what_is_needed(self, tags: Mapping[str, str], lock: int, *options: str) -> None:
        few = len(tags) <= FEW
        with self._repository(lasting=not options) as room:
            filtered = f"--filter={_NOTHING if few else _SMALL}"
            self._fetch(self._line, tags.values(), lock, room, filtered, *options)
            if few:
                self._bring_absent(tags, lock, room)

    def _bring_absent(self, tags: Mapping[str, str], lock: int, room: int) -> None:
        """Fetch what versions need and is not here: settings, which say where the prompts are, then those."""
        asked: set[str] = set()
        while absent := [oid for oid in _absent(self._here, tags) if oid not in asked]:
            asked.update(absent)
            self._bring_contents(absent, lock, room)

    def _bring_contents(self, oids: list[str], lock: int, room: int) -> None:
        """Fetch contents; for one too large to be a prompt, and only that, store just its id."""
        most = len(oids) * CONTENT_BYTES
        if not oids:
            return None
        try:
            self._fetch(self._exact, oids, lock, min(most, room), f"--filter={_NOTHING}")
        except GitFailed as error:
            if error.code != "git_no_room" or most > room:
                raise
            middle = len(oids) // 2
            if not middle:
                return self._great.add(oids[0])
            self._bring_contents(oids[:middle], lock, room)
            self._bring_contents(oids[middle:], lock, room)

    def bring_exactly(self, oids: Iterable[str], lock: int) -> None:
        """Fetch missing objects that others refer to. Raises GitFailed."""
        with self._repository() as room:
            self._fetch(self._exact, oids, lock, room, f"--filter={_NOTHING}")

    def _fetch(self, git: Git, oids: Iterable[str], lock: int, room: int, *options: str) -> None:
        git.run(  # without --update-shallow git silently omits the tags of a shallow repository
            "fetch", "--quiet", "--stdin", "--no-tags", "--no-write-fetch-head", "--update-shallow",
            *options, "origin",
            data="".join(f"{oid}\n" for oid in dict.fromkeys(oids)).encode(),
            timeout=FETCH_SECONDS, room=room, pass_fds=(lock,),
        )  # fmt: skip

    @contextmanager
    def _repository(self, *, lasting: bool = True) -> Iterator[int]:
        """Create the repository of one fetch; yield how many bytes a file in it may have.

        Args:
            lasting: whether a history that is shallow upstream stays shallow here.
        """
        self.clear()
        room = room_of(self._mirror)
        for folder in ("refs", "objects/pack", "objects/info"):
            (self._folder / folder).mkdir(mode=0o700, parents=True)
        (self._folder / "HEAD").write_text("ref: refs/heads/main\n")
        (self._folder / "objects/info/alternates").write_text("../../objects\n")
        with suppress(FileNotFoundError):
            shutil.copy(self._mirror / _SHALLOW, self._folder / _SHALLOW)
        try:
            yield room
            self._take_over()
            if lasting:
                self._end_history()
        finally:
            self._here.close()
            self.clear()

    def _end_history(self) -> None:
        """Make the mirror's histories end where the upstream's do."""
        try:
            (self._folder / _SHALLOW).replace(self._mirror / _SHALLOW)
        except FileNotFoundError:
            (self._mirror / _SHALLOW).unlink(missing_ok=True)

    def _take_over(self) -> None:
        """Move the fetched objects into the mirror."""
        for pack in sorted((self._folder / "objects/pack").glob("*.pack")):
            data = _if_few(pack)
            if data is not None:
                self._git.run("unpack-objects", "-q", data=data)
                continue
            parts = [part for part in pack.parent.glob(f"{pack.stem}.*") if part.suffix not in _LAST]
            for part in (*parts, pack.with_suffix(".idx")):
                part.replace(self._mirror / "objects/pack" / part.name)


def room_of(folder: Path) -> int:
    """Return the bytes that a fetch may use: all but the reserve. Raises GitFailed (`disk_reserved`)."""
    disk = shutil.disk_usage(folder)
    room = disk.free - min(RESERVE, disk.total // SHARE)
    if room <= 0:
        raise GitFailed(
            f"nothing new is fetched, as the disk of {folder.parent} has {disk.free >> 20} MiB left, which "
            "are kept for changes; make room there",
            code="disk_reserved",
        )
    return room


def _if_few(pack: Path) -> bytes | None:
    """Return a small pack of few objects, else None."""
    with pack.open("rb") as file:
        if pack.stat().st_size > LOOSE_BYTES:
            return None
        data = file.read()
    return data if int.from_bytes(data[8:12]) < LOOSE_OBJECTS else None


def _absent(git: Git, tags: Mapping[str, str]) -> list[str]:
    """Return the ids of what the versions of some tags are known to need and is not in the repository."""
    pairs = [(oid, tag.rpartition("/v")[0]) for tag, oid in tags.items()]
    missing: dict[str, None] = {}
    for start in range(0, len(pairs), READ):
        readings = [tag_reader.read(oid, name) for oid, name in pairs[start : start + READ]]
        answers = tag_reader.answer_all(git, readings)
        missing |= dict.fromkeys(answer.oid for answer in answers if isinstance(answer, ObjectMissing))
    return list(missing)
