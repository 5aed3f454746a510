"""Registries that start in a tenth of the time: forked from a process that has imported everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import get_context
from typing import TYPE_CHECKING

from support import Registry

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["registry.app", "registry.cli.main", "registry.server.workers"])


class Forked:
    """A process with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        log.touch()
        self._process = CONTEXT.Process(target=_serve, args=(command, environment, str(log)))
        self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """How it ended, if it did."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("serve", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class QuickRegistry(Registry):
    """A registry that is forked, not started."""

    launch = staticmethod(Forked)


def _serve(command: list[str], environment: dict[str, str], log: str) -> None:
    """Be what the command would have started."""
    from registry.cli.main import main  # noqa: PLC0415 - imported already, in the process that forked this one

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command[2:]  # without the interpreter and its -m
    main()
