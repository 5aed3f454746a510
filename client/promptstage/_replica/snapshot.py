"""Read and write the private files that outlive the process: one for each prompt and pinned version.

Written forward only: of two processes that share a folder, the one that is behind never undoes what
the other wrote. Read with suspicion: a link, somebody else's file or a torn one counts as none. A folder
of that kind is not written to either.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from urllib.parse import quote

from promptstage import limits
from promptstage._replica.pinned_versions import read_version
from promptstage._replica.validation import FORMAT, rank, read_release
from promptstage.clock import wall
from promptstage.limits import BODY_BYTES

try:
    import fcntl
except ImportError:  # Windows: two processes may race there; the loser's file is one change behind
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_logger = logging.getLogger("promptstage")
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # nor wait for a pipe's writer


class Stored(NamedTuple):
    """A snapshot's content, and its age in seconds."""

    data: bytes
    age: float


class Snapshots:
    """The snapshots of one registry and environment.

    Attributes:
        folder: where they are.
        error: why nothing can be written, or None.
    """

    # Record locks are between processes; this one is between the threads of ours.
    _writing: ClassVar[RLock] = RLock()

    def __init__(self, root: Path, url: str, environment: str) -> None:
        self.folder = root / sha256(f"{url}\0{environment}".encode()).hexdigest()[:16]
        self.error: str | None = None

    def load(self, name: str, version: str = "") -> Stored | None:
        """Load what was last stored for a prompt, or for one version of it."""
        try:
            _require_own(self.folder)
            return _read(self._path(name, version))
        except (OSError, ValueError):
            return None

    def save_release(self, name: str, data: bytes) -> None:
        """Store a release, unless a newer one is there."""
        new = read_release(json.loads(data))

        def keep(old: bytes) -> bool:
            body = json.loads(old)
            if body.get("format", FORMAT) > FORMAT:  # another process runs a newer version of us
                return True
            there = read_release(body)
            same = (there.environment, there.prompt) == (new.environment, new.prompt)
            return same and rank(there.position) >= rank(new.position)

        self._save(self._path(name), data, keep)

    def save_version(self, name: str, version: str, data: bytes) -> None:
        """Store a version. A version never changes, so what is there stays."""
        self._save(self._path(name, version), data, keep=lambda old: bool(read_version((name, version), old)))

    def touch(self, name: str, age: float) -> None:
        """Note when a release was last confirmed: `age` seconds ago."""
        confirmed = wall() - age
        with suppress(OSError, NotImplementedError):
            _require_own(self.folder)
            os.utime(self._path(name), (confirmed, confirmed), follow_symlinks=False)

    def reset(self) -> None:
        """In a forked child: the parent's lock may be held by a thread that is not here."""
        Snapshots._writing = RLock()

    def _path(self, name: str, version: str = "") -> Path:
        return self.folder / f"{quote(name, safe='')}{'@' if version else ''}{quote(version, safe='')}.json"

    def _save(self, path: Path, data: bytes, keep: Callable[[bytes], bool]) -> None:
        try:
            for folder in (self.folder.parent, self.folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _require_own(self.folder)
            # Whoever has once waited in vain need not wait each time: nothing else is late for it then.
            tries = limits.LOCK_TRIES if self.error is None else 1
            with self._writing, _locked(self.folder / ".lock", tries):
                with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
                    if keep(_read(path).data):
                        return
                _replace(path, data)
        except OSError as error:
            with self._writing:  # of threads that fail at once, one says so
                first, self.error = self.error is None, str(error)
            if first:
                _logger.warning(
                    "prompts will not outlive this process: cannot write to %s: %s", self.folder, error
                )
        else:
            self.error = None


def default_root() -> Path:
    """The user's cache folder, or a private temporary one for a user without a home."""
    try:
        home = Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "promptstage"
    caches = home / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or caches) / "promptstage"


def _require_own(folder: Path) -> None:
    """Raise OSError for a link, which leads to where we have no business, or somebody else's folder."""
    found = folder.lstat()
    if not (stat.S_ISDIR(found.st_mode) and _is_ours(found)):
        raise PermissionError(f"{folder} is a link, or belongs to another user")


def _is_ours(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.getuid()


def _read(path: Path) -> Stored:
    """Read a file that is a plain one, ours, and not too large. Raises OSError or ValueError."""
    with os.fdopen(os.open(path, os.O_RDONLY | _FLAGS), "rb") as file:
        found = os.fstat(file.fileno())
        if not (stat.S_ISREG(found.st_mode) and _is_ours(found) and found.st_size <= BODY_BYTES):
            raise ValueError(f"{path} is not a snapshot of ours")
        return Stored(file.read(BODY_BYTES), _age(found))


def _age(found: os.stat_result) -> float:
    """Seconds since it was confirmed.

    The system itself keeps `st_ctime`, so a wrong clock of ours cannot have dated it ahead. Where both are
    ahead of the clock, one of two clocks was wrong by that much: as good a guess of the age as there is.
    """
    return abs(wall() - min(found.st_mtime, found.st_ctime))


def _replace(path: Path, data: bytes) -> None:
    """Put a file in place as a whole. Should a power cut tear it, it counts as none."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)  # of a writer that was killed
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600), "wb"
        ) as file:
            file.write(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path, tries: int) -> Iterator[None]:
    """Keep other processes out, or raise OSError when one stays in for long.

    Not flock: a child forked while it is held would hold it for as long as it lives.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
    try:
        for left in reversed(range(tries)):
            if _try_lock(lock, is_last=not left):
                break
            time.sleep(limits.LOCK_PAUSE)
        yield
    finally:
        os.close(lock)


def _try_lock(lock: int, *, is_last: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        if is_last:
            raise
        return False
    return True
