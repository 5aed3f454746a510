"""Which of two changes is the newer, also where a wrong clock dated one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from promptstage import limits
from registry.journal import position
from registry.journal.position import is_newer, misdated, newest, next_epoch
from registry.rollouts.position import NOWHERE, Position
from registry.system import timestamps

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PRESENT = int(NOW.timestamp())
DAY = 86_400
YEAR_2200 = 7_258_118_400


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: NOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((5, 2), (5, 1)),
        ((6, 1), (5, 9)),
        ((PRESENT, 1), (YEAR_2200, 9)),
        ((PRESENT + DAY, 1), (PRESENT, 9)),
        ((PRESENT, 1), (PRESENT + DAY + 1, 9)),
        ((YEAR_2200, 2), (YEAR_2200, 1)),
        ((YEAR_2200 + 1, 1), (YEAR_2200, 9)),
        ((YEAR_2200, 0), NOWHERE),
        ((YEAR_2200, 0), (-1, -1)),
        ((1, 0), NOWHERE),
    ],
)
def test_the_newer_one(one: tuple[int, int], other: tuple[int, int]) -> None:
    """An epoch that is more than a day ahead is older than all that are not, and newer than none at all."""
    assert (is_newer(one, other), is_newer(other, one), is_newer(one, one)) == (True, False, False)
    assert newest(Position(*other), Position(*one)) == newest(Position(*one), Position(*other)) == one


def test_clients_have_the_same_bound() -> None:
    """What they ignore is what ranks low here."""
    assert position.AHEAD_SECONDS == limits.EPOCH_AHEAD
    assert position.CLOCK_FLOOR == limits.CLOCK_FLOOR


@pytest.mark.parametrize(
    ("last", "now", "epoch"),
    [
        (0, NOW, PRESENT),
        (PRESENT - 9, NOW, PRESENT),
        (PRESENT, NOW, PRESENT + 1),
        (PRESENT + DAY, NOW, PRESENT + DAY + 1),
        (PRESENT + DAY + 1, NOW, PRESENT),
        (YEAR_2200, NOW, PRESENT),
        (PRESENT, datetime(1970, 1, 1, tzinfo=UTC), PRESENT + 1),
    ],
)
def test_the_next_epoch(last: int, now: datetime, epoch: int) -> None:
    """It is later than the last, or the present; a clock without a battery turns nothing back."""
    assert next_epoch(last, now) == epoch


def test_an_epoch_that_is_ahead_is_named() -> None:
    """By how much, and with what helps."""
    assert misdated(PRESENT + DAY, str) is None

    told = misdated(int((NOW + timedelta(days=30)).timestamp()), lambda: "promptstage journal recover")
    assert told
    assert "is 30 days ahead of this machine's clock" in told.message
    assert told.message.endswith("go back to the present: promptstage journal recover")
