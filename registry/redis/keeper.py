"""Keep one Valkey running while it has users; run as a script with a folder and a binary.

Users hold a shared lock on one file. When this process gets the exclusive lock, the last user is gone, and
the server is ended. Standard library only, so that it starts quickly.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

USERS = "users.lock"
START = "start.lock"
KEEPER = "keeper.lock"
SOCKET = "valkey.sock"
LOG = "valkey.log"
RESTART_SECONDS = 0.05  # a dead server is needed at once, but a crash loop must not burn a core
STOP_SECONDS = 2.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def keep(folder: Path, binary: str) -> None:
    """Run the server until the last user is gone; one that dies is started again, empty."""
    with (folder / KEEPER).open("ab") as mine, (folder / USERS).open("ab") as users:
        try:
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another keeper runs
        server = _Server(folder, binary)
        threading.Thread(target=_stop_when_unused, args=(users.fileno(), server), daemon=True).start()
        if server.run():
            _clear(folder)  # still as the exclusive user


class _Server:
    def __init__(self, folder: Path, binary: str) -> None:
        self._folder = folder
        self._command = [
            binary, "--port", "0", "--unixsocket", str(folder / SOCKET), "--unixsocketperm", "700",
            "--save", "", "--appendonly", "no", "--dir", str(folder), "--loglevel", "warning",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._changing = threading.Lock()

    def run(self) -> bool:
        """Restart the server until `stop`; return whether the last one ended well."""
        well = True
        while process := self._start():
            well = process.wait() == 0
            time.sleep(RESTART_SECONDS)
        return well

    def stop(self) -> None:
        """End the server for good."""
        with self._changing:
            self._ended = True
            if self._process:
                self._process.terminate()
                try:
                    self._process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self._process.kill()

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._changing:
            if self._ended:
                return None
            (self._folder / SOCKET).unlink(missing_ok=True)
            self._process = subprocess.Popen(self._command, preexec_fn=_die_with_parent)  # noqa: S603, PLW1509
            return self._process


def _stop_when_unused(users: int, server: _Server) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)
    server.stop()


def _clear(folder: Path) -> None:
    """Remove the folder's files. A user who locks one meanwhile checks again, and finds it gone."""
    for name in (SOCKET, LOG, START, KEEPER, USERS):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # a new user has started
        folder.rmdir()


def _die_with_parent() -> None:
    """Ask the kernel to end the server with its keeper; where it cannot, only `stop` ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Run the keeper of the folder that the command line names."""
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keep(Path(sys.argv[1]), sys.argv[2])


if __name__ == "__main__":
    main()
