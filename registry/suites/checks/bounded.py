"""Judge what may take for ever in a process of its own, which the kernel ends when its time is over.

A regular expression, and a schema with one, may take a time that doubles with each character of an answer.
No time-out of a library is sound for all of these: the interpreter's own engine has none and cannot be
interrupted, and a schema may explode without a pattern. So they are judged by a worker process. It sets a
timer of its own processor time before each check; the timer's signal ends it, in whatever code it is. The
time is that of the processor, so that a busy machine fails no check. A worker serves one thread at a time
and is kept for the next check. It ends with its parent, whose end closes its standard input.
"""

from __future__ import annotations

import atexit
import json
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from registry.suites.checks import worker
from registry.suites.checks.worker import LIMIT_SECONDS

_idle: list[subprocess.Popen[bytes]] = []  # workers that wait; taken and put back whole, by any thread


class CheckBroken(Exception):
    """A check could not be judged; the message is a sentence for a report."""


def said(kind: str, output: str, value: Any, threshold: float | None, calls: Any) -> tuple[bool, str]:
    """Return whether a condition holds, and what it is. Raises CheckBroken: it took too long, or failed."""
    request = json.dumps([kind, output, value, threshold, calls]).encode() + b"\n"
    process = _take()
    assert process.stdin is not None  # noqa: S101 - a pipe, and the next one, too
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(request)
        process.stdin.flush()
        reply = process.stdout.readline()
    except BrokenPipeError:
        reply = b""
    except BaseException:  # Ctrl-C: its reply belongs to nobody
        _end(process)
        raise
    if not reply:
        raise CheckBroken(_end_of(process, kind))
    _idle.append(process)
    held, words = json.loads(reply)
    if held is None:
        raise CheckBroken(words)
    return held, words


def close() -> None:
    """End the workers that wait."""
    while _idle:
        _end(_idle.pop())


def _take() -> subprocess.Popen[bytes]:
    with suppress(IndexError):
        while True:
            process = _idle.pop()
            if process.poll() is None:
                return process
            _end(process)  # somebody killed it
    return _start()


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", worker.__name__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - all of it is ours


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _end_of(process: subprocess.Popen[bytes], kind: str) -> str:
    process.communicate()
    if process.returncode == -signal.SIGPROF:
        return f"{kind} took more than {LIMIT_SECONDS:g} s, so it was stopped; simplify its value"
    return f"{kind} could not be judged: its process ended with {process.returncode}"


atexit.register(close)
