"""The writers of a proof: how they are started, asked and killed, and whether the journal kept its word."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from faults.writer import MESSAGE_LIMIT, request
from support import PATIENCE, children

from registry.journal.local import LocalJournal
from registry.journal.maintenance.verify import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

TESTS = Path(__file__).parents[1]
MEMORY = (
    "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
)  # a kill loses nothing that was written, anywhere
FOR_EVER = 1_000_000  # changes, more than a writer lives to write
KILLED: dict[str, str] = {}  # the answer of one that ended
SILENT = {"code": "silent", "problem": f"no answer within {PATIENCE:g} s"}


class Spawner:
    """Starts writers."""

    def __enter__(self) -> Self:
        """Start the process that forks them."""
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders.settimeout(PATIENCE)
        command = [sys.executable, "-m", "faults.writer"]
        with theirs:
            self._process = subprocess.Popen(command, cwd=TESTS, stdin=theirs.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._orders.close()
        self._process.wait(PATIENCE)

    def start(self, **order: object) -> tuple[int, socket.socket]:
        """Start a writer: its pid, and where it is asked and answers."""
        answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        answers.settimeout(PATIENCE)
        with theirs:
            socket.send_fds(self._orders, [json.dumps(order).encode()], [theirs.fileno()])
            return int(self._orders.recv(MESSAGE_LIMIT)), answers


@dataclass(slots=True)
class Slot:
    """One prompt, and the writers of it, one after the other.

    Attributes:
        acknowledged: ``(seq, commit)`` of all changes that were, in their order.
        pid: the writer's.
    """

    spawner: Spawner
    folder: Path
    number: int = 0
    acknowledged: list[tuple[int, str]] = field(default_factory=list)
    pid: int = 0
    _answers: socket.socket | None = None

    def start(self) -> None:
        """Start a writer; its first change is the one that was not acknowledged."""
        previous = self.acknowledged[-1][0] if self.acknowledged else 0
        self.pid, self._answers = self.spawner.start(
            folder=str(self.folder), slot=self.number, number=len(self.acknowledged), previous=previous
        )

    def ask(self, count: int = 1) -> None:
        """Let it write so many changes; a dead one does not hear it."""
        assert self._answers
        with suppress(ConnectionError):
            self._answers.send(str(count).encode())

    def hear(self) -> dict[str, str]:
        """Wait for the next answer; `KILLED` or `SILENT` if none comes."""
        assert self._answers
        try:
            answer = json.loads(self._answers.recv(MESSAGE_LIMIT) or "{}")
        except TimeoutError:
            return SILENT
        except ConnectionError:  # it died before it heard us out
            return KILLED
        if "commit" in answer:
            self.acknowledged.append((answer["seq"], answer["commit"]))
        return dict(answer)

    def end(self) -> None:
        """Hear it out, after its end."""
        assert self._answers
        while self.hear() != KILLED:
            pass
        self._answers.close()

    def kill(self, *, git: bool) -> None:
        """Kill the writer, or also all of the git that works for it, and hear what it still said."""
        pids = [self.pid]
        if git:
            with suppress(OSError):  # one of them ends while we look
                os.kill(self.pid, signal.SIGSTOP)
                pids += children(self.pid)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.end()


def audit(folder: Path, slots: Sequence[Slot]) -> tuple[int, list[str]]:
    """How many acknowledged changes are not there once, in their order; and what else is wrong."""
    with closing(LocalJournal(folder)) as journal, journal.lock():  # no git of a dead writer is still at work
        commits = journal.load().commits
        requests = [journal.entry(commit).change.request for commit in commits]
    times = Counter(scope for scope in requests if scope)
    found = set(zip(range(len(commits)), commits, requests, strict=True))
    expected = [
        (seq, commit, request(slot.number, number))
        for slot in slots
        for number, (seq, commit) in enumerate(slot.acknowledged)
    ]
    lost = sum(change not in found or times[change[2]] != 1 for change in expected)
    problems = [f"a change was written {count} times" for count in times.values() if count > 1]
    orders = [[seq for seq, _ in slot.acknowledged] for slot in slots]
    problems += ["one writer's changes are out of order" for order in orders if order != sorted(order)]
    return lost, [*problems, *verify(folder).problems]
