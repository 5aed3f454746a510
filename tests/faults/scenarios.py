"""The proofs: modules with ``prove(*, full)``; `make slow` runs them in short, `make faults` in full."""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.scenario import Result

PROOFS: tuple[str, ...] = (
    "journal_writer",
    "journal_syscalls",
    "crash_points",
    "state_machine",
    "journal_states",
    "disk",
    "disk_http",
    "prompt_files",
    "templates",
    "tokens",
    "webhooks",
    "redis_view",
    "redis_cluster",
    "redis_failover",
    "service_kills",
    "outcome_kills",
    "guard_stories",
    "planted_secrets",
    "tags",
    "names",
    "repositories",
    "bounded_git",
    "small_disk",
    "lines",
    "api",
    "sockets",
    "neighbours",
    "client_network",
    "client_service",
    "nginx",
    "herd",
    "lost_webhook",
    "clocks",
    "snapshot_folder",
    "forks",
    "client_end",
    "report_outage",
    "remote_journal",
    "processes",
)


def prove(name: str, *, full: bool) -> Iterator[Result]:
    """Run one proof, and give its results as they come."""
    yield from import_module(f"faults.{name}").prove(full=full)


def timed(name: str) -> tuple[list[Result], float]:
    """The results of a proof in full, and the seconds that it took."""
    begun = time.monotonic()
    return list(prove(name, full=True)), time.monotonic() - begun
