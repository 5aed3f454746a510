"""Processes that do nothing but write a journal, so that they can be killed at any moment.

``python -m faults.writer`` has everything imported and forks them: a fork costs milliseconds, a start a
second. It hears over a socket, its standard input, which writer is wanted.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.journal.change import Change, content_path, request_file, state_path
from registry.journal.local import LocalJournal
from registry.rollouts.state import State, VersionRef
from registry.system import timestamps

if TYPE_CHECKING:
    from registry.journal.journal import Journal
    from registry.journal.reader import Entry

EPOCH = 7
ENVIRONMENT = "production"
MESSAGE_LIMIT = 4096


def begin(folder: Path) -> None:
    """Make a journal with one change, the first of slot 0."""
    folder.mkdir(exist_ok=True)
    with closing(LocalJournal(folder)) as journal:
        with journal.lock() as lock:
            journal.create(lock, EPOCH, {})
        write(journal, 0, 0, 0)


def head(folder: Path) -> Entry:
    """The newest change."""
    with closing(LocalJournal(folder)) as journal:
        return journal.head()


def write(journal: Journal, slot: int, number: int, previous: int) -> Entry:
    """Promote the next version of the slot's prompt as the service does: once, however often it is asked.

    Args:
        journal: where to.
        slot: which prompt.
        number: which version; a repetition has the same.
        previous: the seq of the change before it.

    Raises:
        Unavailable: it was not written.
    """
    prompt, version = f"prompt-{slot}", f"1.{number}.0"
    content = f"messages: [{{role: user, content: '{prompt} {version}'}}]\n".encode()
    scope = request(slot, number)
    with journal.lock() as lock:
        if record := journal.request(scope):
            return journal.entry(journal.load().commits[int(str(record["seq"]))])
        head = journal.head()
        ref = VersionRef(version=version, digest=f"sha256:{sha256(content).hexdigest()}", commit="c")
        seq = head.change.seq + 1
        state = State(environment=ENVIRONMENT, prompt=prompt, epoch=EPOCH, seq=seq, stable=ref)
        change = Change(
            epoch=EPOCH, seq=seq, at=timestamps.now(), actor="ada", op="promote", after=version,
            previous=previous, state=state, request=scope,
        )  # fmt: skip
        files = {
            state_path(ENVIRONMENT, prompt): state.model_dump_json().encode(),
            content_path(prompt, version): content,
            **dict(request_file(change, "body")),
        }
        return journal.write(lock, head.commit, change, files)


def request(slot: int, number: int) -> str:
    """The scope of the idempotency key of a change."""
    return sha256(f"{slot} {number}".encode()).hexdigest()


def _serve(orders: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a writer ended
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, MESSAGE_LIMIT, 1)
        if not order:
            return
        with socket.socket(fileno=descriptors[0]) as answers:
            if (pid := os.fork()) == 0:
                orders.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _write_on(answers, **json.loads(order))
                os._exit(0)
        orders.send(str(pid).encode())


def _write_on(answers: socket.socket, folder: str, slot: int, number: int, previous: int) -> None:
    """Write a change each time that one is asked for, and say so once it is written."""
    journal = LocalJournal(Path(folder))
    allowed = 0
    while allowed or (allowed := int(answers.recv(MESSAGE_LIMIT) or 0)):
        allowed -= 1
        try:
            entry = write(journal, slot, number, previous)
        except RegistryError as error:
            answers.send(json.dumps({"code": error.code, "problem": error.message}).encode())
        else:
            answers.send(json.dumps({"seq": entry.change.seq, "commit": entry.commit}).encode())
            number, previous = number + 1, entry.change.seq


if __name__ == "__main__":
    with socket.socket(fileno=sys.stdin.fileno()) as orders_of_the_proof:
        _serve(orders_of_the_proof)
