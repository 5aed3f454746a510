"""The process that folds; run as a module, with what it needs as JSON on its first line of standard input.

It ends at SIGTERM after the transaction under way, and when its standard input closes: its registry is
gone then.
"""

from __future__ import annotations

import json
import logging
import logging.config
import os
import signal
import sys
import time
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from registry.errors import RegistryError
from registry.outcomes.prices import Prices
from registry.outcomes.pricing import pricing
from registry.outcomes.store.fold import Folder
from registry.outcomes.store.opening import open_store
from registry.outcomes.store.retention import Retention
from registry.system import failpoints, logs
from registry.system.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

IDLE_SECONDS = 0.25  # between looks at an empty inbox: a look takes 50 us
DOWN_SECONDS = 1.0  # between tries while the database is down
logger = logging.getLogger("registry.outcomes.fold_worker")


def run(given: Mapping[str, Any], stopped: Event, works: Callable[[], None]) -> None:
    """Fold until stopped; `works` is called after each time that it went well."""
    store = open_store(given["url"], Path(given["data"]))
    holder = f"{os.uname().nodename}:{os.getpid()}"
    file = Path(given["prices"]) if given["prices"] else None
    folder = Folder(store.inbox, store.main, pricing(Prices(file)), keep=given["keep"], holder=holder)
    folder.retry(_now())
    retention = Retention(store.main, keep=given["keep"], holder=holder)
    while not stopped.is_set():
        retention.tend(_now())  # also where there is always something to fold
        done = folder.fold(_now()) + folder.settle(_now())
        works()
        if not done:
            stopped.wait(IDLE_SECONDS)
    store.close()


def _now() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """Run until told to stop; start again after an error, as whatever it was may pass."""
    given = json.loads(sys.stdin.readline())
    logging.config.dictConfig(logs.configuration(given["log_format"], terminal=False))
    failpoints.arm(Path(given["failpoints"]) if given["failpoints"] else None)
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the registry says when to stop

    def watch() -> None:
        sys.stdin.read()
        stopped.set()

    Thread(target=watch, daemon=True).start()
    trouble = Trouble(
        logger=logger, fails="Calls wait in the inbox", works="Calls are folded again", event="fold"
    )
    while not stopped.is_set():
        try:
            run(given, stopped, trouble.is_over)
        except RegistryError as error:
            trouble.begins(error.message)
            stopped.wait(DOWN_SECONDS)
        except Exception:
            logger.exception("Folding failed; it is tried again")
            stopped.wait(DOWN_SECONDS)


if __name__ == "__main__":
    main()
