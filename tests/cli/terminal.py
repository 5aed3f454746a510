"""The command line on a terminal: what a person sees, and types."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import termios
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

from support import PATIENCE, promptstage, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shell import Cli

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._data = b""
        Thread(target=self._read, daemon=True).start()

    @property
    def text(self) -> str:
        """All that was shown so far, without what moves the cursor or colours."""
        return _CONTROL.sub("", self._data.decode("utf-8", "replace")).replace("\r\n", "\n")

    def see(self, words: str, times: int = 1) -> None:
        """Wait until something was shown, so many times."""
        until(lambda: len(re.findall(words, self.text)) >= times, words, self.text)

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._descriptor, text.encode())

    def press(self, key: str) -> None:
        """Press a key, when one is waited for: what is typed before that is forgotten."""
        until(lambda: not termios.tcgetattr(self._descriptor)[3] & termios.ICANON, "the wait for a key")
        self.type(key)

    def interrupt(self) -> int:
        """Press Ctrl-C: the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def _read(self) -> None:
        with suppress(OSError):  # the other side is closed
            while data := os.read(self._descriptor, 65536):
                self._data += data


@contextmanager
def terminal(cli: Cli, *arguments: str) -> Iterator[Terminal]:
    """Run one command on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*promptstage(), *arguments],
        cwd=cli.folder,
        env={**os.environ, **cli.environment, "TERM": "xterm", "COLUMNS": "120"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
