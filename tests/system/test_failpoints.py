"""Failpoints: a process dies where a file says, and nowhere without one."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from registry.system import failpoints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """The file that arms a failpoint, for this test alone."""
    failpoints.arm(tmp_path / "failpoint")
    yield tmp_path / "failpoint"
    failpoints.arm(None)


def end_at(name: str) -> int:
    """How a child ends that passes a failpoint: the signal, or 0."""
    if (child := os.fork()) == 0:
        failpoints.reach(name)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def test_who_passes_the_armed_failpoint_is_killed(file: Path) -> None:
    """It is disarmed by that, so that the next process lives."""
    file.write_text(failpoints.SYNCED)

    assert [end_at(failpoints.COMMITTED), end_at(failpoints.SYNCED), end_at(failpoints.SYNCED)] == [
        0,
        signal.SIGKILL,
        0,
    ]


def test_nobody_dies_where_nothing_is_armed(file: Path) -> None:
    """Without a file, and without the setting, a failpoint is passed."""
    failpoints.reach(failpoints.SYNCED)
    file.write_text(failpoints.SYNCED)
    failpoints.arm(None)

    failpoints.reach(failpoints.SYNCED)
