"""One git child: bounds on its memory, output and time, and how it ended."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Literal, cast

from registry.errors import GitFailed
from registry.system.text import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY = 512 << 20  # bytes of data of one process; a history of 400,000 commits and trees takes 130 MB
OUTPUT = 64 << 20  # bytes of one output: a list of 800,000 tags, and all that this process keeps of it
WORDS_KEPT = 16_000  # bytes of its messages searched for the cause: the last ones hold it
WORDS_SHOWN = 500  # characters of git's own message in an error
REAP_SECONDS = 2.0  # a killed group is gone at once, unless a descendant left the group with our pipe

_CHUNK = 1 << 16
_BLOCK = 512  # bytes: the unit of `ulimit -f`; that of `ulimit -d` is 1024
# A shell does it, then becomes git: race-free, and inherited by all that git starts. A bound that the
# system does not know, or has lower, stays as the system has it.
_SEALED = """
ulimit -d "$1" 2>/dev/null
test -z "$2" || ulimit -f "$2" 2>/dev/null
test -z "$3" || unset $3
shift 3
exec "$@"
"""
_NOT_STARTED = (126, 127)  # the shell found no git to run
_TELLING = ("fatal:", "error:", "remote:", "ssh:", "! ")
_PASSWORD = re.compile(r"://[^/\s'\"]*@")
_CHILD_DIED = re.compile(r"died of signal (\d+)")
_NO_MEMORY = re.compile(r"[Oo]ut of memory|Cannot allocate memory|unable to create thread")
_TOO_LONG = re.compile("File (too large|size limit exceeded)")
# Signals by which a program ends itself on input that it cannot handle; the others come from outside.
_OWN_FAULT = frozenset((signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL))


def sealed(command: Sequence[str], memory: int, room: int | None, removed: Sequence[str]) -> list[str]:
    """Return a command of git with bounds, and without some variables.

    Args:
        command: what to run.
        memory: bytes of data that each process may allocate.
        room: bytes of each file that they may write; None for any.
        removed: the names of the variables.
    """
    blocks = "" if room is None else str(max(0, room) // _BLOCK)
    return ["sh", "-c", _SEALED, "git", str(memory >> 10), blocks, " ".join(removed), *command]


def communicate(
    process: subprocess.Popen[bytes], data: bytes, timeout: float, limit: int
) -> tuple[bytes, bytes]:
    """Write a process's input; return its output and the end of its messages.

    Raises:
        GitFailed: it wrote more than `limit` bytes (`git_too_much`).
        subprocess.TimeoutExpired: it did not end in time.
    """
    deadline = time.monotonic() + timeout
    exchange = _Exchange(data, limit)
    with selectors.DefaultSelector() as waiting:
        steps = (exchange.feed, exchange.take, exchange.note)
        for pipe, step in zip(pipes(process), steps, strict=True):
            os.set_blocking(pipe.fileno(), False)
            event = selectors.EVENT_WRITE if step == exchange.feed else selectors.EVENT_READ
            waiting.register(pipe, event, (pipe, step))
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired("git", timeout)
            for key, _ in ready:
                pipe, step = key.data
                if not step(key.fd):
                    waiting.unregister(pipe)
                    pipe.close()
    process.wait(max(0.0, deadline - time.monotonic()))
    return bytes(exchange.output), exchange.words


class _Exchange:
    """The input and output of a process; each step returns whether its pipe has more."""

    def __init__(self, data: bytes, limit: int) -> None:
        self.output = bytearray()
        self.words = b""
        self._rest = memoryview(data)
        self._limit = limit

    def feed(self, descriptor: int) -> bool:
        try:
            self._rest = self._rest[os.write(descriptor, self._rest[:_CHUNK]) :]
        except BrokenPipeError:  # it stopped reading; how it ends tells why
            return False
        return bool(self._rest)

    def take(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, _CHUNK)
        self.output += chunk
        if len(self.output) > self._limit:
            raise GitFailed(f"git wrote more than {self._limit >> 20} MiB", code="git_too_much")
        return bool(chunk)

    def note(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, _CHUNK)
        self.words = (self.words + chunk)[-WORDS_KEPT:]
        return bool(chunk)


def pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    """Return its standard input, output and error."""
    return cast("tuple[IO[bytes], IO[bytes], IO[bytes]]", (process.stdin, process.stdout, process.stderr))


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its whole group."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for a killed process and close its pipes."""
    for pipe in pipes(process):
        with suppress(OSError):  # unsent input is lost with it
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(REAP_SECONDS)


def failure(command: str, status: int, words: bytes, memory: int) -> GitFailed:
    """Build the error of how git ended: by a signal, out of memory or room, or with a reason of its own."""
    if status in _NOT_STARTED:
        return missing()
    said = _PASSWORD.sub("://***@", words[-WORDS_KEPT:].decode("utf-8", "backslashreplace"))
    message = f"git {command} failed: {last_words(words)}"
    child = _CHILD_DIED.search(said)
    number = -status if status < 0 else int(child[1]) if child else 0
    if number == signal.SIGXFSZ or _TOO_LONG.search(said):
        message = f"git {command} would have taken more room on the disk than there is for it"
        return GitFailed(message, code="git_no_room", words=said)
    if _NO_MEMORY.search(said):
        message = f"git {command} needed more than the {memory >> 20} MiB of memory that it may take"
        return GitFailed(message, code="git_no_memory", words=said)
    if number:
        return GitFailed(f"git {command} {_killed_by(number)}", code=_code(number), words=said)
    return GitFailed(message, words=said)


def missing() -> GitFailed:
    """Build the error of a machine without git."""
    return GitFailed("git cannot be started; install git 2.36 or newer", code="git_missing")


def _code(number: int) -> Literal["git_failed", "git_killed"]:
    return "git_failed" if number in _OWN_FAULT else "git_killed"


def _killed_by(number: int) -> str:
    try:
        name = f" ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal
        name = ""
    why = ", as the system does where memory is short" if number == signal.SIGKILL else ""
    return f"was ended by signal {number}{name}{why}"


def last_words(words: bytes) -> str:
    """Return the lines in which git names the cause, without the user info of URLs."""
    lines = [line.strip() for line in words.decode("utf-8", "backslashreplace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(_TELLING)] or lines[-1:] or ["it gave no reason"]
    return escape(_PASSWORD.sub("://***@", "; ".join(telling)).encode(), WORDS_SHOWN)
