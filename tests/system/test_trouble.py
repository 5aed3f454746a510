"""What fails again and again is two lines in the log, not one a second."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from registry.system.trouble import Trouble

if TYPE_CHECKING:
    import pytest

logger = logging.getLogger("registry.test")


def test_trouble_is_one_line_when_it_begins_and_one_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """Each with its event; the next one is told again."""
    caplog.set_level(logging.INFO)
    trouble = Trouble(logger=logger, fails="Nothing moves", works="All moves again", event="move")
    trouble.is_over()
    for reason in ("stuck", "stuck", "lost"):
        trouble.begins(reason)
    for _ in range(2):
        trouble.is_over()
    trouble.begins("stuck")

    assert [(record.getMessage(), vars(record)["event"]) for record in caplog.records] == [
        ("Nothing moves: stuck", "move.failed"),
        ("All moves again", "move.mended"),
        ("Nothing moves: stuck", "move.failed"),
    ]
