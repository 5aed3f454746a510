"""Store the registries that a user has logged in to, with their tokens, in one private file.

The file is only this user's, is written whole or not at all, and no link is followed to it.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.cli.output import PATH_SHOWN
from registry.errors import Invalid, Unavailable
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER, FILE = "promptstage", "registries.json"
FORMAT = 1  # of the file; a later one is refused, not misread
MOST_BYTES = 1 << 20  # some thousand registries

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Profiles:
    """The stored logins.

    Attributes:
        current: the URL that is asked where nothing else names one; empty if there is none.
        tokens: by URL.
    """

    current: str = ""
    tokens: dict[str, str] = field(default_factory=dict)


def path() -> Path:
    """Where the file is, or would be. Raises Invalid."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        base = Path(given) if given.startswith("/") else Path.home() / ".config"
    except RuntimeError as error:
        raise Invalid("there is no home folder to keep a login in; set HOME or XDG_CONFIG_HOME") from error
    return base / FOLDER / FILE


def load() -> Profiles:
    """Read what is kept; nothing if there is none. Raises Invalid or Unavailable."""
    try:
        with _folder() as folder:
            return _read(folder)
    except FileNotFoundError:
        return Profiles()


@contextmanager
def editing() -> Iterator[Profiles]:
    """Yield what is kept, and keep what the block made of it; another process waits meanwhile."""
    where = path().parent
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        helps = "name another base in XDG_CONFIG_HOME, or use PROMPTSTAGE_URL and PROMPTSTAGE_TOKEN"
        raise Unavailable(f"{clean(where, PATH_SHOWN)} cannot be made: {error.strerror}; {helps}") from error
    with _folder() as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            profiles = _read(folder)
        except FileNotFoundError:
            profiles = Profiles()
        yield profiles
        _write(folder, profiles)


@contextmanager
def _folder() -> Iterator[int]:
    """Open the folder of the file."""
    where = path().parent
    try:
        folder = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(where, f"it must be a folder, and no link ({error.strerror})") from error
    try:
        about = os.fstat(folder)
        if about.st_uid != os.geteuid() or about.st_mode & 0o022:
            raise _unusable(where, "another user can write it; make it yours alone: chmod 700")
        yield folder
    finally:
        os.close(folder)


def _read(folder: int) -> Profiles:
    file = path()
    try:
        descriptor = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(file, f"it must be a file, and no link ({error.strerror})") from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise _unusable(file, "it must be a file")
        if about.st_uid != os.geteuid() or about.st_mode & 0o077:
            raise _unusable(file, "another user can read it; make it yours alone: chmod 600")
        return _parsed(os.read(descriptor, MOST_BYTES))
    finally:
        os.close(descriptor)


def _parsed(content: bytes) -> Profiles:
    try:
        found: dict[str, Any] = json.loads(content)
        if found["format"] > FORMAT:
            raise _unusable(
                path(), f"it has the format {found['format']} of a newer promptstage; update this one"
            )
        tokens = {str(url): str(kept["token"]) for url, kept in found["registries"].items()}
        return Profiles(str(found["current"] or ""), tokens)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(path(), "it is damaged; remove it, and log in again") from error


def _write(folder: int, profiles: Profiles) -> None:
    registries = {url: {"token": token} for url, token in sorted(profiles.tokens.items())}
    kept = {"format": FORMAT, "current": profiles.current or None, "registries": registries}
    unfinished = f".{FILE}.{os.getpid()}"
    try:
        with suppress(FileNotFoundError):  # of one that was killed
            os.unlink(unfinished, dir_fd=folder)
        descriptor = os.open(unfinished, _NEW_FILE, 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(kept, indent=2).encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
        os.rename(unfinished, FILE, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except OSError as error:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=folder)
        raise Unavailable(f"{clean(path(), PATH_SHOWN)} cannot be written: {error.strerror}") from error


def _unusable(where: Path, why: str) -> Invalid:
    return Invalid(f"the login in {clean(where, PATH_SHOWN)} is not used: {why}", code="unusable_login")
