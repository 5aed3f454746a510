"""The application that ends while its client is busy: python -m faults.ending URL TOKEN FOLDER HOW.

Says ``up`` when it is, and ends by itself, or as it is told to from outside.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from faults.witness import COLD, HOT, READY_SECONDS

from promptstage import Client, PromptUnavailable

LOOK_SECONDS = 0.05
BUSY_SECONDS = 0.2  # at most, before it ends by itself
EXIT_CODE = 3
HANDLES = "is terminated, and handles it"


def _exit_in_a_thread() -> None:
    Thread(target=sys.exit).start()


def _exit() -> None:
    sys.exit(EXIT_CODE)


def _exit_at_once() -> None:
    os._exit(EXIT_CODE)


def _leave_a_get_behind() -> None:
    """A thread that is no daemon, which the interpreter waits for, asks for a name never seen."""
    Thread(target=_fetch, args=(client, Event(), "never/seen")).start()


def _wait() -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)  # a kernel may give a signal to another thread, which does not wake this one


WAYS = {
    "ends": lambda: None,
    "exits": _exit,
    "exits in a thread": _exit_in_a_thread,
    "exits at once": _exit_at_once,
    "leaves a get behind": _leave_a_get_behind,
    "is interrupted": _wait,
    "is terminated": _wait,
    HANDLES: _wait,
    "is killed": _wait,
}


def _fetch(client: Client, over: Event, name: str = COLD) -> None:
    """Have something fetched and stored, again and again."""
    source: Any = client._source
    while not over.wait(0.001):
        source._pins._kept.clear()
        client._held.pop(name, None)
        for path in source._snapshots.folder.glob("*@*"):
            path.unlink(missing_ok=True)
        with suppress(PromptUnavailable):
            client.get(HOT, version="1.0.0")
            client.get(name)
        if name != COLD:
            return


if __name__ == "__main__":
    url, token, folder, how = sys.argv[1:]
    logging.getLogger().addHandler(logging.NullHandler())
    sys.setswitchinterval(1e-5)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
    if how == HANDLES:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_CODE))
    client = Client(url, token=token, prompts=[HOT, COLD], snapshot_dir=Path(folder), timeout=1.0)
    Thread(target=_fetch, args=(client, Event()), daemon=True).start()
    try:
        sys.stdout.write("up\n")
        sys.stdout.flush()
        time.sleep(random.uniform(0, BUSY_SECONDS))
        WAYS[how]()
    except KeyboardInterrupt:
        sys.exit(EXIT_CODE)
