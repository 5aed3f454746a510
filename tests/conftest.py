"""How the tests are shared out among workers, and how they start registries."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest
from fork_server import ForkServer
from support import Registry
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

APART = "/test_faults.py::"
# Half a minute and more each: begun last, one of them would run while the other workers have nothing to do.
# None of them is timed, as they run beside each other.
LONG = ("test_console_browser", "test_demo", "test_judge_command")
Registry.forks = ForkServer()

# A shell's job in the background ignores it, and so would all that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests start hundreds of interpreters; without bytecode on disk each would compile the project again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.hookimpl(optionalhook=True)  # also where xdist is switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """A file to a worker, for what it has started; but each proof for itself, as they are long."""
    scheduler = LoadFileScheduling(config, log)
    by_file = scheduler._split_scope
    scheduler._split_scope = lambda test: test if APART in test else by_file(test)
    return scheduler
