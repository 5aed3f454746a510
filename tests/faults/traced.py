"""Faults in system calls, by strace."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_POSSIBLE = "strace is missing, or may not trace"


def possible() -> bool:
    """Whether processes can be traced here."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode == 0


@contextmanager
def traced(pid: int, log: Path, *options: str) -> Iterator[None]:
    """Trace a process from now on.

    At the end it goes on untraced; if it is dead, its children end first.
    """
    strace = subprocess.Popen(["strace", "-qq", "-o", str(log), *options, "-p", str(pid)])
    try:
        until(lambda: "TracerPid:\t0\n" not in _status(pid), "strace to attach")
        yield
    finally:
        if until(lambda: _waits_or_ended(pid), "a traced process to wait or to end") == "waits":
            strace.terminate()
        strace.wait(PATIENCE)


def _waits_or_ended(pid: int) -> str:
    """Nothing while it is neither; one that was killed takes a moment."""
    state = _status(pid).partition("State:\t")[2][:1]
    return {"S": "waits", "Z": "ended", "X": "ended", "": "ended"}.get(state, "")


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the latter: it ended meanwhile
        return ""
