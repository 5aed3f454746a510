"""Keep one folder running on this machine, as a process of its own that this one starts and ends.

Of the processes that share a data folder, the one with the lock has the folder. Its child holds the lock,
too, so that there are never two, even after a kill.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCK = "folder.lock"
AGAIN_SECONDS = 0.2  # after a folder that died
STOP_SECONDS = 2.0
logger = logging.getLogger(__name__)


class Keeper:
    """The folder of a registry's process; started when it is first needed.

    Args:
        folder: where the lock is.
        given: what the folder's process is told.
    """

    def __init__(self, folder: Path, given: Mapping[str, Any]) -> None:
        self._folder = folder
        self._given = json.dumps(given)
        self._stopped = Event()
        self._starting = Lock()
        self._thread: Thread | None = None
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, unless it was started."""
        with self._starting:
            if self._thread is None and not self._stopped.is_set():
                self._thread = Thread(target=self._run, name="promptstage-folder", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End it after its transaction, and start no more."""
        with self._starting:
            self._stopped.set()
            child = self._child
        if child:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()

    def _run(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)  # until no other process has a folder
        while child := self._spawn(lock):
            code = child.wait()
            if not self._stopped.wait(AGAIN_SECONDS):
                logger.warning("The folder of calls ended with %d; it is started again", code)
        os.close(lock)

    def _spawn(self, lock: int) -> subprocess.Popen[str] | None:
        with self._starting:
            if self._stopped.is_set():
                return None
            child = self._child = subprocess.Popen(
                [sys.executable, "-m", "registry.outcomes.fold_worker"],
                stdin=subprocess.PIPE,
                pass_fds=(lock,),
                text=True,
            )
        if child.stdin:
            with suppress(BrokenPipeError):  # it died at once
                child.stdin.write(self._given + "\n")
                child.stdin.flush()
        return child
