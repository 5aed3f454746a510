"""How the tests are shared out among workers, and how they start registries."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from fork_server import ForkServer
from support import Registry
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

APART = "/test_faults.py::"
Registry.forks = ForkServer()

# The tests start hundreds of interpreters; without bytecode on disk each would compile the project again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(optionalhook=True)  # also where xdist is switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """A file to a worker, for what it has started; but each proof for itself, as they are long."""
    scheduler = LoadFileScheduling(config, log)
    by_file = scheduler._split_scope
    scheduler._split_scope = lambda test: test if APART in test else by_file(test)
    return scheduler
